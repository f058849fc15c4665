import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MOST_UNBOUND_UPLOADS } from '../../src/adapters/postgres/account-quota.ts';
import type { Caller } from '../../src/core/access.ts';
import { type AccountLimitSettings, limitsOf } from '../../src/core/account-limits.ts';
import { completeUpload } from '../../src/engine/complete-upload.ts';
import { createMultipartUpload } from '../../src/engine/create-multipart-upload.ts';
import { createUpload, type UploadRequest } from '../../src/engine/create-upload.ts';
import { measureUploads } from '../../src/engine/measure-uploads.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { submitBatch } from '../../src/engine/submit-batch.ts';
import { actorFor } from '../support/actor.ts';
import { BatchResults, workbook } from '../support/batch-results.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What one account may take: bytes of a file, records, batches at once, bytes in the object store. */

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '10', SHEAF_MAX_FILE_BYTES: '1000' });
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  await clearBatches(sheaf.sql);
  await setLimits({});
});

const { checkAccounting } = new BatchResults(() => sheaf);

let started = false;
async function workers(): Promise<void> {
  if (!started) await sheaf.startWorkers();
  started = true;
}

/** Sets them, and answers whoever calls with them. */
async function setLimits(limits: AccountLimitSettings, accountId = sheaf.caller.accountId): Promise<Caller> {
  await sheaf.sql`update accounts set limits = ${sheaf.sql.json(limits as never)} where id = ${accountId}`;
  return { ...sheaf.caller, accountId, limits: limitsOf(sheaf.services.settings.accountLimits, limits) };
}

const engineOf = (caller: Caller) => ({ ...sheaf.services, ...sheaf.services.account(actorFor(caller)) });

const make = (caller: Caller, request: UploadRequest = {}) => createUpload(engineOf(caller), caller, request);

async function put(
  { url, headers }: { url: string; headers: Record<string, string> },
  body: string | Buffer,
) {
  const answer = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(Buffer.from(body)) });
  expect(answer.status).toBe(200);
  return answer.headers.get('etag')!;
}

async function filled(caller: Caller, body: string | Buffer): Promise<string> {
  const { handler, put: request } = await make(caller);
  await put(request, body);
  return handler;
}

const submit = (caller: Caller, handler: string, dryRun = false) =>
  submitBatch(engineOf(caller), caller, { handler, operation: 'create_learner', dry_run: dryRun });

const rows = (records: number, from = 0) =>
  `learner_id,given_name\n${Array.from({ length: records }, (_, n) => `l${from + n},Ana`).join('\n')}\n`;

const usage = async (accountId = sheaf.caller.accountId) => {
  const [row] = await sheaf.sql`
    select coalesce((select sum(stored_bytes) from uploads where account_id = ${accountId} and removed_at is null), 0)
      + coalesce((select sum(stored_bytes) from batches where account_id = ${accountId}), 0) as bytes`;
  return Number(row?.bytes);
};

const stored = async (id: string) => {
  const [row] = await sheaf.sql`select stored_bytes as bytes from batches where id = ${id}`;
  return row?.bytes as number;
};

const inStore = (id: string) => sheaf.services.objects.bytesOf(`batches/${id}/`);

describe('the size of a file', () => {
  it('is the account’s own limit, below the default or above it', async () => {
    const caller = await setLimits({ fileBytes: 100 });
    await expect(make(caller, { size: 101 })).rejects.toMatchObject({ code: 'invalid_request' });
    const handler = await filled(caller, 'x'.repeat(101));
    await expect(submit(caller, handler)).rejects.toMatchObject({ code: 'file_too_large' });

    const roomy = await setLimits({ fileBytes: 5000 });
    await make(roomy, { size: 5000 });
    expect(await submit(roomy, await filled(roomy, rows(200)))).toMatchObject({ status: 'new' });
    const plain = await setLimits({});
    await expect(make(plain, { size: 1001 })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('counts of parts together', async () => {
    const caller = await setLimits({ fileBytes: 100 });
    const engine = engineOf(caller);
    const { handler, urls } = await createMultipartUpload(engine, caller, { parts: 1 });
    const etag = await put({ url: urls[0]!, headers: {} }, 'x'.repeat(101));
    const parts = [{ number: 1, etag }];
    await expect(completeUpload(engine, caller, handler, parts)).rejects.toMatchObject({
      code: 'file_too_large',
    });
    const roomy = await setLimits({ fileBytes: 101 });
    expect(await completeUpload(engine, roomy, handler, parts)).toMatchObject({ bytes: 101 });
    expect(await usage()).toBe(101);
  });
});

describe('batches at once', () => {
  it('are never more than the account may have, however many are asked for at the same moment', async () => {
    const caller = await setLimits({ batches: 3 });
    const handlers = await Promise.all(Array.from({ length: 10 }, (_, n) => filled(caller, rows(1, n))));
    const answers = await Promise.allSettled(
      handlers.map((handler, n) => submit(caller, handler, n % 2 === 0)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    for (const reason of refused)
      expect(reason).toMatchObject({ code: 'too_many_batches', retryAfterSeconds: 10 });

    // Another account has its own.
    const other = await setLimits({ batches: 1 }, await addAccount(sheaf.sql));
    await submit(other, await filled(other, rows(1)));
    // One that has ended makes room.
    await sheaf.sql`
      update batches set ended_at = now()
      where id = (select id from batches where account_id = ${caller.accountId} limit 1)`;
    const left = handlers.filter((_, n) => answers[n]?.status === 'rejected');
    expect(await submit(caller, left[0]!)).toMatchObject({ status: 'new' });
    await expect(submit(caller, left[1]!)).rejects.toMatchObject({ code: 'too_many_batches' });
  });

  it('count when a failed one is resumed, also of several at once', async () => {
    const caller = await setLimits({ batches: 2 });
    await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const failed = [1, 2, 3].map(async () => {
      const id = await addBatch(sheaf, { status: 'failed', chunks: 1 });
      await sheaf.sql`update batches set failed_from = 'processing', ended_at = now() where id = ${id}`;
      return id;
    });
    const { batches } = sheaf.services.account(actorFor(caller));
    const resume = async (id: string) =>
      await batches.change(id, { status: 'resume', statements: caller.statements });
    const answers = await Promise.allSettled((await Promise.all(failed)).map(resume));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    for (const reason of refused) expect(reason).toMatchObject({ code: 'too_many_batches' });
  });
});

describe('stored bytes', () => {
  it('count as stated from the beginning, and are refused where they would be too many', async () => {
    const caller = await setLimits({ storedBytes: 1000 });
    await make(caller, { size: 600 });
    expect(await usage()).toBe(600);
    const over = make(caller, { size: 401 });
    await expect(over).rejects.toMatchObject({
      code: 'storage_full',
      message: 'the account stores 600 bytes and may store 1000, and this would be 401 more',
    });
    await make(caller, { size: 400 });
    await expect(make(caller)).rejects.toMatchObject({ code: 'storage_full' });
    // Another account has room of its own.
    const other = await setLimits({ storedBytes: 10 }, await addAccount(sheaf.sql));
    await make(other, { size: 10 });
  });

  it('are reserved by requests at the same moment one after the other', async () => {
    const caller = await setLimits({ storedBytes: 1000 });
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => make(caller, { size: 300 })));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await usage()).toBe(900);
  });

  it('count the upload and the copy that a batch makes of it', async () => {
    const caller = await setLimits({ storedBytes: 150 });
    const handler = await filled(caller, 'x'.repeat(100));
    expect(await usage()).toBe(0);
    await expect(submit(caller, handler)).rejects.toMatchObject({ code: 'storage_full' });
    expect(await usage()).toBe(0);
    const roomier = await setLimits({ storedBytes: 200 });
    await submit(roomier, handler);
    expect(await usage()).toBe(200);
  });

  it('of uploads whose size nobody stated are looked up by the sweep', async () => {
    const caller = await setLimits({ storedBytes: 1000 });
    const unsized = await filled(caller, 'x'.repeat(700));
    const sized = await make(caller, { size: 300 });
    const { handler: parts, urls } = await createMultipartUpload(engineOf(caller), caller, { parts: 1 });
    await put({ url: urls[0]!, headers: {} }, 'y'.repeat(55));
    const seen = async (id: string) => (await sheaf.sql`select * from uploads where id = ${id}`)[0];
    await measureUploads(sheaf.services);
    expect(await usage()).toBe(300);

    await sheaf.sql`update uploads set created_at = now() - interval '11 minutes'`;
    await measureUploads(sheaf.services);
    expect(await usage()).toBe(1055);
    await expect(make(caller)).rejects.toMatchObject({ code: 'storage_full' });
    // Looked at once, it is left alone for a while; what was put since is seen after its URL has expired.
    const again = await sheaf.services.uploads.toMeasure(100);
    expect(again).toEqual([]);
    await sheaf.sql`update uploads set url_expires_at = clock_timestamp()`;
    await measureUploads(sheaf.services);
    // Of what was stated nothing came.
    expect(await seen(sized.handler)).toMatchObject({ stored_bytes: 0 });
    expect(await seen(unsized)).toMatchObject({ stored_bytes: 700 });
    expect(await seen(parts)).toMatchObject({ stored_bytes: 55 });
    expect(await sheaf.services.uploads.toMeasure(100)).toEqual([]);
    await sheaf.services.uploads.removed(unsized);
    expect(await usage()).toBe(55);
  });

  it('cannot come unseen in any number of uploads without a size', async () => {
    const caller = await setLimits({});
    await sheaf.sql`
      insert into uploads (id, account_id, object_key, url_expires_at, expires_at)
      select gen_random_uuid(), ${caller.accountId}, 'k', now() + interval '1 hour', now() + interval '1 day'
      from generate_series(1, ${MOST_UNBOUND_UPLOADS - 1})`;
    const { handler } = await make(caller);
    await expect(make(caller)).rejects.toMatchObject({ code: 'storage_full', message: /state the size/ });
    await expect(
      createMultipartUpload(engineOf(caller), caller, { parts: 1, size: 10 }),
    ).rejects.toMatchObject({ code: 'storage_full' });
    await make(caller, { size: 10 });
    await sheaf.sql`update uploads set url_expires_at = now() where id = ${handler}`;
    await sheaf.sql`update uploads set created_at = now() - interval '2 minutes'`;
    await make(caller);
  });

  it('are known of every batch, until its files are removed', async () => {
    await workers();
    const caller = await setLimits({ fileBytes: 100_000 });
    for (const [body, status] of [
      [rows(25), 'completed'],
      [gzipSync(rows(25, 100)), 'completed'],
      [
        await workbook('Sheet1', [
          ['learner_id', 'given_name'],
          ['w1', 'Ana'],
        ]),
        'completed',
      ],
      ['learner_id,email\nx,nobody\n', 'validation_failed'],
    ] as const) {
      const { id } = await submit(caller, await filled(caller, body));
      const batch = await sheaf.ended(id);
      expect(batch.status).toBe(status);
      expect(await stored(id)).toBe(await inStore(id));
      expect(await stored(id)).toBeGreaterThan(body.length);
      await sheaf.services.account(actorFor(caller)).batches.requestDeletion(id);
    }
    await expect
      .poll(async () => (await sheaf.sql`select sum(stored_bytes)::int as n from batches`)[0]?.n, {
        timeout: 60_000,
      })
      .toBe(0);
  });

  it('are none of a batch that was never copied', async () => {
    await workers();
    const caller = await setLimits({});
    const engine = engineOf(caller);
    const request = {
      handler: await filled(caller, rows(3)),
      operation: 'create_learner',
      hash: '0'.repeat(64),
    };
    const differs = await submitBatch(engine, caller, request);
    expect(await sheaf.ended(differs.id)).toMatchObject({ status: 'hash_mismatch' });
    expect(await stored(differs.id)).toBe(0);
  });
});

describe('a file with more records than the account may have in one', () => {
  it.each<[string, (records: number) => Promise<string | Buffer> | string | Buffer]>([
    ['CSV', (records) => rows(records)],
    ['gzip', (records) => gzipSync(rows(records))],
    ['an array', (n) => JSON.stringify(Array.from({ length: n }, (_, i) => ({ learner_id: `a${i}` })))],
    ['XLSX', (n) => workbook('S', [['learner_id'], ...Array.from({ length: n }, (_, i) => [`x${i}`])])],
  ])('as %s is refused, and accounted for as far as it was read', async (_, file) => {
    await workers();
    await sheaf.sql`truncate learners`;
    const caller = await setLimits({ records: 25, fileBytes: 100_000 });
    const { id } = await submit(caller, await filled(caller, await file(26)));
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_too_many_records', record: 26, message: /more than 25 records/ },
      counts: { total: 25, succeeded: 0, failed: 0, skipped: 0, unprocessed: 25 },
    });
    await checkAccounting(batch);
    expect(await sheaf.sql`select from learners`).toHaveLength(0);

    const whole = await submit(caller, await filled(caller, await file(25)));
    expect(await sheaf.ended(whole.id)).toMatchObject({ status: 'completed', counts: { succeeded: 25 } });
  });
});

describe('how long things are kept', () => {
  const options = { operation: 'create_learner' };

  /** For how long the files of a batch are kept. It has ended then: its rows are cleared away under nobody's hands. */
  async function kept(caller: Caller, request: { handler: string; expires_after?: number }): Promise<number> {
    await workers();
    const { id, expiresAfter } = await submitBatch(engineOf(caller), caller, { ...request, ...options });
    await sheaf.ended(id);
    return expiresAfter;
  }

  it('is the account’s own: an upload for so long, the files of a batch for no longer', async () => {
    const caller = await setLimits({ uploadSeconds: 7200, keepSeconds: 86_400 });
    const handler = await filled(caller, 'learner_id\nkept\n');
    const [upload] = await sheaf.sql<{ seconds: number }[]>`
      select extract(epoch from expires_at - created_at)::float8 as seconds from uploads where id = ${handler}`;
    expect(upload!.seconds).toBeCloseTo(7200, 0);
    const longer = submitBatch(engineOf(caller), caller, { handler, ...options, expires_after: 86_401 });
    await expect(longer).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [
        { pointer: '/expires_after', code: 'out_of_range', message: expect.stringContaining('86400') },
      ],
    });
    expect(await kept(caller, { handler })).toBe(86_400);
    const other = { handler: await filled(caller, 'learner_id\nless\n'), expires_after: 60 };
    expect(await kept(caller, other)).toBe(60);
  });

  it('is as the server is set where nothing is set for the account, and then a request may ask for more', async () => {
    const caller = await setLimits({});
    expect(caller.limits).toMatchObject({ uploadSeconds: 86_400, keepSeconds: null });
    const handler = await filled(caller, 'learner_id\nany\n');
    expect(await kept(caller, { handler, expires_after: 315_360_000 })).toBe(315_360_000);
    expect(await kept(caller, { handler: await filled(caller, 'learner_id\nset\n') })).toBe(2_592_000);
  });

  it('of a retry is that of its batch, but for what the account may not have any more', async () => {
    await workers();
    const ample = await setLimits({});
    const handler = await filled(ample, 'learner_id\nonce\nonce\n');
    const made = await submitBatch(engineOf(ample), ample, { handler, ...options, expires_after: 7200 });
    expect(await sheaf.ended(made.id)).toMatchObject({ counts: { failed: 1 } });
    const less = await setLimits({ keepSeconds: 3600 });
    const retry = await retryBatch(engineOf(less), less, made.id, {});
    expect(retry.expiresAfter).toBe(3600);
    await sheaf.ended(retry.id);
  });
});
