import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchView } from '../../src/api/batch-view.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const ndjson = (...records: unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

describe('a file of JSON objects, one a line', () => {
  it('is told by its content, and each record is stored and answered once', async () => {
    const people = Array.from({ length: 8 }, (_, n) => ({
      learner_id: `n${n}`,
      email: `n${n}@example.org`,
      given_name: `Name\n${n}`,
      score: n + 0.5,
    }));
    const batch = await sheaf.run(`\uFEFF\n${ndjson(...people)}`);

    expect(batch).toMatchObject({ status: 'completed', counts: { total: 8, succeeded: 8 } });
    expect((await sheaf.lines(batch)).map((line) => line.record)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const [stored] = await sheaf.sql`
      select email, given_name, score::text from learners where learner_id = 'n4'`;
    expect(stored).toEqual({ email: 'n4@example.org', given_name: 'Name\n4', score: '4.50' });
    expect(batchView(batch, 0).read).toEqual({
      format: 'ndjson',
      encoding: 'utf-8',
      bom: true,
      columns_total: 4,
      compression: null,
      columns: ['learner_id', 'email', 'given_name', 'score'].map((name) => ({ name, field: name })),
    });
  });

  it('keeps numbers in text fields to the letter', async () => {
    const lines = '{"learner_id":12345678901234567890,"phone":1.10}\n{"learner_id":"007","phone":"007"}\n';
    const batch = await sheaf.run(lines);

    expect(batch.counts).toMatchObject({ total: 2, succeeded: 2 });
    const stored = await sheaf.sql`
      select learner_id, phone from learners where learner_id in ('007', '12345678901234567890') order by 1`;
    expect([...stored]).toEqual([
      { learner_id: '007', phone: '007' },
      { learner_id: '12345678901234567890', phone: '1.10' },
    ]);
  });

  it('reads keys by the mapping, each record by its own, and lists those of the first', async () => {
    const file = ndjson(
      { person: { nr: 'nm1' }, color: 'red' },
      { 'person.nr': 'nm2', email: 'a@example.org' },
    );
    const batch = await sheaf.run(file, { mapping: { 'person.nr': 'learner_id' } });

    expect(batch).toMatchObject({ status: 'completed', counts: { total: 2, succeeded: 2 } });
    expect(batch.read?.columns).toEqual([
      { name: 'person.nr', field: 'learner_id' },
      { name: 'color', field: null },
    ]);
  });

  it('fails each bad record with its own reason, and processes the others', async () => {
    const file = [
      '{"learner_id":"nb1"}',
      '{"learner_id":"nb2"',
      '["nb3"]',
      '',
      '{"learner_id":"nb4","learner_id":"nb5"}',
      '{"email":"a@example.org"}',
      '{"learner_id":"nb6","__proto__":{"score":1}}',
      '{"learner_id":"nb7","score":["1"]}',
      `{"learner_id":"nb8","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      '{"learner_id":"nb9"}',
    ].join('\r\n');
    const batch = await sheaf.run(file, { on_invalid: 'skip' });

    expect(batch).toMatchObject({ status: 'completed', counts: { total: 9, succeeded: 2, failed: 7 } });
    const lines = await sheaf.lines(batch);
    expect(lines.map((line) => (line.status === 'failed' ? line.error.code : line.status))).toEqual([
      'succeeded',
      'json_malformed',
      'json_not_object',
      'json_key_repeated',
      'required',
      'json_key_reserved',
      'invalid_type',
      'json_too_deep',
      'succeeded',
    ]);
    expect(lines[6]).toMatchObject({ error: { field: 'score', column: 'score', value: '["1"]' } });
    const [count] = await sheaf.sql`select count(*)::int as n from learners where learner_id like 'nb%'`;
    expect(count?.n).toBe(2);
  });

  it('whose first record cannot be read is read all the same', async () => {
    const batch = await sheaf.run('{"learner_id": }\n{"learner_id":"nf2"}\n', { on_invalid: 'skip' });
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 2, succeeded: 1, failed: 1 } });
    expect(batch.read?.columns).toEqual([]);
  });
});

describe('the custom_id of a JSON object', () => {
  it('is a text that is not blank, a number or a boolean', async () => {
    const ids = ['a', ' ', 7, true, { n: 1 }, ['b'], null];
    const file = ndjson(...ids.map((ref, n) => ({ learner_id: `nc${n}`, ref })));
    const batch = await sheaf.run(file, { custom_id: 'ref', on_invalid: 'skip' });

    expect(batch).toMatchObject({ status: 'completed', counts: { total: 7, succeeded: 3, failed: 4 } });
    const lines = await sheaf.lines(batch);
    expect(lines.map((line) => line.custom_id)).toEqual(['a', undefined, '7', 'true', ...Array(3)]);
    expect(lines[4]).toMatchObject({
      error: { code: 'custom_id_missing', message: expect.stringContaining('must be a text') },
    });
  });
});

describe('what is wrong with the file as a whole', () => {
  it('an object over several lines', async () => {
    const batch = await sheaf.run('\n{\n  "learner_id": "a"\n}\n', { on_invalid: 'skip' });
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_not_supported', offset: 1 },
      counts: { total: 0 },
    });
  });

  it('bytes that are not UTF-8', async () => {
    const body = Buffer.from(
      // Of UTF-8 the first is a letter: otherwise this would be Windows-1252.
      '{"learner_id":"ne1","given_name":"Andr\xc3\xa9"}\n{"learner_id":"ne2","given_name":"Andr\xe9"}\n',
      'latin1',
    );
    const batch = await sheaf.run(body, { on_invalid: 'skip' });
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_encoding', record: 2, offset: body.lastIndexOf(0xe9) },
      counts: { total: 2, failed: 1, unprocessed: 1 },
    });
  });
});
