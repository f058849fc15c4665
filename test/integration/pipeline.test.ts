import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestSheaf, sha256, type TestSheaf } from '../support/sheaf.ts';
import { GOOD_WAY, statuses } from '../support/statuses.ts';

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const HEADER = 'learner_id,email,given_name,score';
const row = (n: number) => `p${n},p${n}@example.org,Name ${n},${n}.5`;
const csv = (...rows: string[]) => `${[HEADER, ...rows].join('\r\n')}\r\n`;

async function learners(prefix: string): Promise<number> {
  const [count] =
    await sheaf.sql`select count(*)::int as n from learners where learner_id like ${`${prefix}%`}`;
  return count?.n as number;
}

describe('a good file', () => {
  it('goes through every status in order, and each record is stored and answered once', async () => {
    const rows = Array.from({ length: 10 }, (_, n) => row(n));
    const batch = await sheaf.run(csv(...rows), { hash: sha256(csv(...rows)) });

    expect(statuses(batch)).toEqual(GOOD_WAY);
    expect(batch.counts).toEqual({ total: 10, succeeded: 10, failed: 0, skipped: 0, unprocessed: 0 });
    expect((await sheaf.lines(batch)).map((line) => line.record)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await sheaf.lines(batch))[4]).toEqual({
      record: 5,
      status: 'succeeded',
      output: { learner_id: 'p4', action: 'created' },
      attempts: 1,
    });
    expect(await sheaf.lines(batch, 'errors')).toEqual([]);
    const [stored] =
      await sheaf.sql`select email, given_name, score::text from learners where learner_id = 'p4'`;
    expect(stored).toEqual({ email: 'p4@example.org', given_name: 'Name 4', score: '4.50' });
    expect(await learners('p')).toBe(10);
  });

  it('gets a manifest that tells the SHA-256, the size and the lines of each file', async () => {
    const batch = await sheaf.run(csv('m1,,,', 'm2,,,'));
    const file = batch.results?.find((result) => result.kind === 'manifest');
    const manifest = JSON.parse((await sheaf.object(file!.key)).toString());

    expect(manifest).toMatchObject({ batch: batch.id, counts: batch.counts, operation: 'create_learner' });
    for (const entry of manifest.files) {
      const { kind, format } = entry;
      const told = batch.results!.find((result) => result.kind === kind && result.format === format);
      const stored = await sheaf.object(told!.key);
      expect(entry).toMatchObject({ sha256: sha256(stored), bytes: stored.length });
    }
    expect(manifest.files.map((entry: { name: string }) => entry.name)).toEqual([
      'all.ndjson',
      'succeeded.ndjson',
      'failed.ndjson',
      'errors.ndjson',
      'unprocessed.ndjson',
      'unprocessed.csv',
    ]);
  });

  it('keeps leading zeros, plus signs, line breaks and every script as they are', async () => {
    const text = 'learner_id,given_name,phone\n007,"Ana\nMaría, ""Ani""",+0049 30 1234\n०१,Ελένη,00123\n';
    const batch = await sheaf.run(text);

    expect(batch.counts).toMatchObject({ total: 2, succeeded: 2 });
    const stored = await sheaf.sql`
      select learner_id, given_name, phone from learners where learner_id in ('007', '०१') order by 1`;
    expect([...stored]).toEqual([
      { learner_id: '007', given_name: 'Ana\nMaría, "Ani"', phone: '+0049 30 1234' },
      { learner_id: '०१', given_name: 'Ελένη', phone: '00123' },
    ]);
  });

  it('reads columns by the mapping and lists those that it ignores', async () => {
    const batch = await sheaf.run('Nummer,email,color\nmap1,a@example.org,red\n', {
      mapping: { Nummer: 'learner_id' },
    });

    expect(batch.status).toBe('completed');
    expect(batch.read?.columns).toEqual([
      { name: 'Nummer', field: 'learner_id' },
      { name: 'email', field: 'email' },
      { name: 'color', field: null },
    ]);
  });

  it('of one record without a line end at the end is as good as any', async () => {
    const batch = await sheaf.run('learner_id\nlonely');
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 1, succeeded: 1 } });
  });
});

describe('a wrong hash', () => {
  it('ends in hash_mismatch; no copy exists, and the upload can be used with the right hash', async () => {
    const body = csv('h1,,,');
    const handler = await sheaf.upload(body);
    const batch = await sheaf.ended(await sheaf.submit(handler, { hash: '0'.repeat(64) }));

    expect(statuses(batch)).toEqual(['new', 'copying', 'hash_mismatch']);
    expect(batch.statusReason).toMatchObject({ code: 'hash_mismatch' });
    expect(batch.counts.total).toBeNull();
    expect(batch.hash).toBe(sha256(body));
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual([]);

    const second = await sheaf.ended(await sheaf.submit(handler, { hash: sha256(body) }));
    expect(second.status).toBe('completed');
    await expect(sheaf.submit(handler)).rejects.toMatchObject({ code: 'upload_used' });
  });
});

describe('a hash stated with the upload', () => {
  it('is checked in copying too, for stores that ignore what their URL was signed with', async () => {
    const handler = await sheaf.upload(csv('u1,,,'), { hash: true });
    const [{ key } = { key: '' }] =
      await sheaf.sql`select object_key as key from uploads where id = ${handler}`;
    await sheaf.services.objects.put(key, Buffer.from(csv('u2,,,')));
    const batch = await sheaf.ended(await sheaf.submit(handler));
    expect(batch).toMatchObject({ status: 'hash_mismatch', hash: sha256(csv('u2,,,')) });
    expect(await learners('u')).toBe(0);
  });
});

describe('bad records', () => {
  const mixed = csv('v1,,,', 'v2,no-mail,,', 'v3,,,101', 'v4,,,1.5', ',x,,1.234');

  it('reject the file by default: nothing is processed, each bad record is reported', async () => {
    const batch = await sheaf.run(mixed);

    expect(statuses(batch)).toEqual(['new', 'copying', 'copied', 'validating', 'validation_failed']);
    expect(batch.counts).toEqual({ total: 5, succeeded: 0, failed: 3, skipped: 0, unprocessed: 2 });
    expect(batch.statusReason).toMatchObject({ code: 'records_invalid' });
    expect((await sheaf.lines(batch)).map((line) => line.status)).toEqual([
      'unprocessed',
      'failed',
      'failed',
      'unprocessed',
      'failed',
    ]);
    expect(await sheaf.lines(batch, 'errors')).toEqual([
      {
        record: 2,
        status: 'failed',
        error: {
          code: 'invalid_format',
          message: 'must be an e-mail address such as ada@example.org',
          field: 'email',
          column: 'email',
          value: 'no-mail',
        },
        attempts: 0,
      },
      expect.objectContaining({
        record: 3,
        error: expect.objectContaining({ code: 'out_of_range', value: '101' }),
      }),
      expect.objectContaining({ record: 5, errors: expect.any(Array) }),
    ]);
    expect(await learners('v')).toBe(0);
  });

  it('are skipped on request: the good ones are processed, the bad ones fail', async () => {
    const batch = await sheaf.run(mixed, { on_invalid: 'skip' });

    expect(batch.status).toBe('completed');
    expect(batch.counts).toEqual({ total: 5, succeeded: 2, failed: 3, skipped: 0, unprocessed: 0 });
    expect((await sheaf.lines(batch)).map((line) => line.status)).toEqual([
      'succeeded',
      'failed',
      'failed',
      'succeeded',
      'failed',
    ]);
    expect(await learners('v')).toBe(2);
  });

  it('of a malformed row leave its neighbours alone', async () => {
    const batch = await sheaf.run(csv('n1,,,', 'n2,"a"b,,', 'n3,,', 'n4,,,,', 'n5,,,', 'n6,,,'), {
      on_invalid: 'skip',
    });
    const codes = (await sheaf.lines(batch)).map((line) =>
      line.status === 'failed' ? line.error.code : 'ok',
    );
    expect(codes).toEqual(['ok', 'quote_misplaced', 'cells_too_few', 'cells_too_many', 'ok', 'ok']);
  });

  it('that are too large fail alone', async () => {
    const small = await openTestSheaf({ SHEAF_MAX_RECORD_BYTES: '200', SHEAF_MAX_CELL_BYTES: '100' });
    await small.startWorkers();
    const batch = await small.run(
      csv('l1,,,', `l2,,${'x'.repeat(150)},`, `l3,,${'x'.repeat(500)},`, 'l4,,,'),
      {
        on_invalid: 'skip',
      },
    );
    const codes = (await small.lines(batch)).map((line) =>
      line.status === 'failed' ? line.error.code : 'ok',
    );
    expect(codes).toEqual(['ok', 'cell_too_large', 'record_too_large', 'ok']);
    await small.close();
  });
});

describe('a file that is wrong as a whole ends in validation_failed and says where', () => {
  const rejected = async (body: string | Buffer) => {
    const batch = await sheaf.run(body, { on_invalid: 'skip' });
    const { succeeded, failed, unprocessed, total } = batch.counts;
    expect(succeeded + failed + unprocessed).toBe(total);
    expect(await sheaf.lines(batch)).toHaveLength(total ?? -1);
    expect(succeeded).toBe(0);
    return batch;
  };

  it.each([
    ['an empty file', '', 'file_no_records', 0],
    ['a header only', 'learner_id,email\n', 'file_no_records', 0],
    ['two columns of one name', 'learner_id,learner_id\na,b\n', 'file_header_duplicate', 1],
    ['a column without a name', 'learner_id,\na,b\n', 'file_header_empty', 1],
    ['a reserved name', 'learner_id,__proto__\na,b\n', 'file_header_reserved', 1],
    ['no column for a required field', 'id,email\na,b\nc,d\n', 'file_column_missing', 2],
    ['the beginning of a gzip file', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), 'file_truncated', 0],
  ])('%s', async (_name, body, code, total) => {
    const batch = await rejected(body);
    expect(batch).toMatchObject({ status: 'validation_failed', statusReason: { code }, counts: { total } });
  });

  it('a quote that is never closed: told with the record and its offset, the records before it as unprocessed', async () => {
    const text = 'learner_id,email\nq1,\nq2,\nq3,"never\nclosed,\n';
    const batch = await rejected(text);
    expect(batch.statusReason).toMatchObject({
      code: 'file_unclosed_quote',
      record: 3,
      offset: text.indexOf('"'),
    });
    expect(batch.counts).toMatchObject({ total: 3, failed: 1, unprocessed: 2 });
  });

  it('a quote that is never closed in the header row: there is no record that could carry it', async () => {
    const text = '"learner_id,email\na,a@x.org\n';
    const batch = await rejected(text);
    expect(batch.statusReason).toMatchObject({ code: 'file_unclosed_quote', record: 0, offset: 0 });
    expect(batch.counts.total).toBe(0);
  });

  it('one NUL in a record is that record’s trouble', async () => {
    const rows = ['nul1,,,', 'nul2,,a\0b,', 'nul3,,,'];
    const batch = await sheaf.run(csv(...rows), { on_invalid: 'skip' });
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 2, failed: 1 } });
    const [line] = await sheaf.lines(batch, 'failed');
    expect(line).toMatchObject({ record: 2, error: { code: 'nul_character', field: 'given_name' } });
  });

  it('bytes that are not UTF-8 in a file that is', async () => {
    const text = Buffer.from('learner_id,given_name\ne1,\xc3\x84na\ne2,Andr\xe9\ne3,Eva\n', 'latin1');
    const batch = await rejected(text);
    expect(batch.statusReason).toMatchObject({ code: 'file_encoding', record: 2 });
    expect(batch.counts).toMatchObject({ total: 3, failed: 1, unprocessed: 2 });
    expect(await learners('e')).toBe(0);
  });

  it('bytes that stand for no character in the encoding that was stated: of a converted file no offset', async () => {
    const text = Buffer.from('learner_id,given_name\nw1,Ana\nw2,\xe9\x81\nw3,"Eva\n', 'latin1');
    const batch = await sheaf.run(text, { on_invalid: 'skip', format: { encoding: 'windows-1252' } });
    const message = 'The byte 0x81 stands for no character in Windows-1252';
    expect(await sheaf.lines(batch, 'failed')).toMatchObject([
      { record: 2, error: { code: 'file_encoding', message } },
      { record: 3, error: { code: 'file_unclosed_quote' } },
    ]);
    expect(batch.statusReason).not.toHaveProperty('offset');
  });

  it('half of a surrogate pair in UTF-16', async () => {
    const text = '\ufefflearner_id,given_name\nh1,Ana\nh2,\ud83d\nh3,Eva\n';
    const batch = await rejected(Buffer.from(text, 'utf16le'));
    const message = 'The text holds half of a surrogate pair, which is no character';
    expect(batch.statusReason).toEqual({ code: 'file_encoding', message, record: 2 });
    expect(batch.counts).toMatchObject({ total: 3, failed: 1, unprocessed: 2 });
  });

  it('a mapping to a column that the file does not have', async () => {
    const batch = await sheaf.run('learner_id\na\n', { mapping: { Email: 'email' } });
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_column_missing' },
    });
  });
});

describe('an upload', () => {
  it('that was overwritten after the batch was made fails it', async () => {
    const body = csv('w1,,,');
    const handler = await sheaf.upload(body);
    const [{ key } = { key: '' }] =
      await sheaf.sql`select object_key as key from uploads where id = ${handler}`;
    // The batch is made of the upload as it is; then another file is put in its place before a worker looks.
    const submit = sheaf.account.batches.create;
    sheaf.account.batches.create = async (batch) => {
      await sheaf.services.objects.put(key, Buffer.from(csv('w2,,,')));
      return await submit(batch);
    };
    try {
      const batch = await sheaf.ended(await sheaf.submit(handler));
      expect(batch).toMatchObject({
        status: 'failed',
        failedFrom: 'copying',
        statusReason: { code: 'upload_changed' },
      });
      expect(await learners('w')).toBe(0);
    } finally {
      sheaf.account.batches.create = submit;
    }
  });

  it('serves one batch at a time', async () => {
    const handler = await sheaf.upload(csv('o1,,,'));
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => sheaf.submit(handler)));
    const accepted = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(accepted).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(['upload_in_use', 'upload_used']).toContain(outcome.reason.code);
    }
    await sheaf.ended(accepted[0]!.value);
  });
});

describe('an input that was tampered with after it was hashed', () => {
  it('fails the batch before any of the changed records is processed', async () => {
    const quiet = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' });
    const id = await quiet.submit(
      await quiet.upload(csv(...Array.from({ length: 9 }, (_, n) => `t${n},,,`))),
    );
    const put = quiet.services.work.finishCopy;
    quiet.services.work.finishCopy = async (claim, input) => {
      await quiet.services.objects.put(
        input.inputKey,
        Buffer.from(csv(...Array.from({ length: 9 }, () => 'evil,,,'))),
      );
      await put(claim, input);
    };
    await quiet.startWorkers();
    const batch = await quiet.ended(id);
    expect(batch).toMatchObject({ status: 'failed', statusReason: { code: 'input_changed' } });
    expect(batch.counts).toMatchObject({ total: 9, succeeded: 0, unprocessed: 9 });
    expect(await quiet.lines(batch)).toHaveLength(9);
    await quiet.close();
  });
});
