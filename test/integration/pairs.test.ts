import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { BatchResults } from '../support/batch-results.ts';
import { gate } from '../support/gate.ts';
import { heldOperation } from '../support/held-operation.ts';
import { xlsxOf } from '../support/learner-forms.ts';
import { otherS3Server, required } from '../support/requirements.ts';
import { openTestSheaf, sha256, type TestSheaf, type TestSheafOptions } from '../support/sheaf.ts';

/** The whole way on every pair of a queue and an S3 server, with two sets of workers as two processes have them. */

const RECORDS = 3000;
const CHUNK_RECORDS = 100;
const CONCURRENCY = 2;
const PATIENT = { timeout: 60_000, interval: 20 };

const HEADER = 'learner_id,email,given_name,score';
const learner = (id: string) => `${id},${id}@example.org,Name of ${id},7.5`;
const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const file = (rows: readonly string[]) => `${[HEADER, ...rows].join('\n')}\n`;
/** `count` good rows, but for those that are put in the place of some, by the record's number. */
const mixed = (prefix: string, count: number, bad: Record<number, string>) =>
  file(ids(prefix, count).map((id, n) => bad[n + 1] ?? learner(id)));

function suite(pair: Required<Pick<TestSheafOptions, 'queue' | 's3'>>) {
  let sheaf: TestSheaf;
  let overwritten: string;
  const held = heldOperation();
  const { sheets, checkAccounting } = new BatchResults(() => sheaf);

  beforeAll(async () => {
    const settings = {
      SHEAF_CHUNK_RECORDS: String(CHUNK_RECORDS),
      SHEAF_WORKER_CONCURRENCY: String(CONCURRENCY),
    };
    sheaf = await openTestSheaf(settings, { ...pair, operations: [held.operation] });
    overwritten = await submitOverwritten();
    await Promise.all([sheaf.startWorkers(), sheaf.startWorkersApart()]);
  });
  afterAll(() => sheaf?.close());

  /** A batch whose upload becomes another of the same length before any worker is there to copy it. */
  async function submitOverwritten() {
    const handler = await sheaf.upload(file([learner('before')]));
    const id = await sheaf.submit(handler);
    const [upload] = await sheaf.sql`select object_key as key from uploads where id = ${handler}`;
    await sheaf.services.objects.put(upload!.key, Buffer.from(file([learner('behind')])));
    return id;
  }

  async function stored(prefix: string): Promise<string[]> {
    const rows = await sheaf.sql`select learner_id from learners where learner_id like ${`${prefix}%`}`;
    return rows.map((row) => row.learner_id as string).sort();
  }

  async function expectEachRecordOnce(batch: BatchRow, prefix: string) {
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, succeeded: RECORDS, failed: 0, skipped: 0, unprocessed: 0 },
    });
    expect(await stored(prefix)).toEqual(ids(prefix, RECORDS).sort());
    const lines = await sheaf.lines(batch);
    expect(lines.map(({ record, status }) => [record, status])).toEqual(
      ids(prefix, RECORDS).map((_, n) => [n + 1, 'succeeded']),
    );
    return lines;
  }

  it('a good file is completed: every record once, in the table and in the results', async () => {
    const body = file(ids('good', RECORDS).map(learner));
    const batch = await sheaf.run(body, { hash: sha256(body) });
    expect(batch.hash).toBe(sha256(body));
    // Created at the first attempt, and not found there by a second one whose first had committed.
    expect(await expectEachRecordOnce(batch, 'good')).toEqual(
      ids('good', RECORDS).map((id, n) => ({
        record: n + 1,
        status: 'succeeded',
        output: { learner_id: id, action: 'created' },
        attempts: 1,
      })),
    );
    await checkAccounting(batch);
  });

  it.each([
    ['compressed CSV', 'zipped', (csv: string) => gzipSync(csv)],
    ['a workbook', 'sheet', xlsxOf],
  ])('%s is converted, and its results are a workbook too', async (_, prefix, made) => {
    const bad = { 1: `${prefix}0,no-mail,,`, 2000: `${prefix}1999,,,1000` };
    const body = made(mixed(prefix, RECORDS, bad));
    const batch = await sheaf.run(body, {
      hash: sha256(body),
      on_invalid: 'skip',
      results_format: ['ndjson', 'xlsx'],
    });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, succeeded: RECORDS - 2, failed: 2, skipped: 0, unprocessed: 0 },
    });
    const good = ids(prefix, RECORDS).filter((_, n) => !Object.hasOwn(bad, n + 1));
    expect(await stored(prefix)).toEqual(good.sort());
    await checkAccounting(batch);
    const [all] = await sheets(batch, 'all');
    expect([all!.rowCount, all!.getCell(2001, 1).value]).toEqual([RECORDS + 1, `${prefix}1999`]);
    const [errors, report] = await sheets(batch, 'errors');
    expect([errors!.rowCount, report!.name]).toEqual([3, 'Errors']);
  });

  it('a wrong hash ends in hash_mismatch and leaves no copy', async () => {
    const batch = await sheaf.run(file([learner('mismatch')]), { hash: '0'.repeat(64) });
    expect(batch).toMatchObject({ status: 'hash_mismatch', counts: { total: null } });
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual([]);
    expect(await stored('mismatch')).toEqual([]);
  });

  it('a bad record in one chunk of several has nothing processed', async () => {
    const batch = await sheaf.run(mixed('reject', 500, { 321: 'reject320,no-mail,,' }));
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'records_invalid' },
      counts: { total: 500, succeeded: 0, failed: 1, skipped: 0, unprocessed: 499 },
    });
    expect(await sheaf.lines(batch, 'errors')).toMatchObject([
      { record: 321, error: { code: 'invalid_format', field: 'email' } },
    ]);
    expect(await sheaf.lines(batch)).toHaveLength(500);
    expect(await stored('reject')).toEqual([]);
    await checkAccounting(batch);
  });

  it('bad records are skipped on request, and the others are processed', async () => {
    const bad = { 1: 'skip0,no-mail,,', 100: 'skip99,,,1000', 450: 'skip449,,' };
    const batch = await sheaf.run(mixed('skip', 500, bad), { on_invalid: 'skip' });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: 500, succeeded: 497, failed: 3, skipped: 0, unprocessed: 0 },
    });
    expect((await sheaf.lines(batch, 'errors')).map(({ record }) => record)).toEqual([1, 100, 450]);
    const good = ids('skip', 500).filter((_, n) => !Object.hasOwn(bad, n + 1));
    expect(await stored('skip')).toEqual(good.sort());
    await checkAccounting(batch);
  });

  it('an upload that was overwritten after the batch was made fails it', async () => {
    expect(await sheaf.ended(overwritten)).toMatchObject({
      status: 'failed',
      failedFrom: 'copying',
      statusReason: { code: 'upload_changed' },
    });
    expect(await stored('be')).toEqual([]);
  });

  it('a queue that is emptied in the middle loses no record and has none done twice', async () => {
    const door = gate();
    held.before = () => door.wait();
    const handler = await sheaf.upload(`id\n${ids('emptied', RECORDS).join('\n')}\n`);
    const id = await sheaf.submit(handler, { operation: held.operation.name });
    // Both sets have all the chunks in hand that they may; the tickets of the others wait.
    await expect.poll(() => held.calls.length, PATIENT).toBe(2 * CONCURRENCY);
    expect(await sheaf.services.queue.waiting('process')).toBeGreaterThan(0);
    await sheaf.emptyQueue();
    door.open();
    await expectEachRecordOnce(await sheaf.ended(id), 'emptied');
  });
}

const redis = required('TEST_REDIS_URL');
const otherS3 = otherS3Server();

const QUEUES = [
  { queue: 'postgres', name: 'PostgreSQL', needs: undefined },
  { queue: 'redis', name: 'Redis', needs: redis },
] as const;
const SERVERS = [
  { s3: 'embedded', name: 'the embedded S3 server', needs: undefined },
  { s3: 'other', name: 'another S3 server', needs: otherS3 },
] as const;

for (const { queue, ...place } of QUEUES) {
  for (const { s3, ...server } of SERVERS) {
    const missing = [place.needs, server.needs].find((part) => part?.missing);
    const title = `with the queue on ${place.name} and ${server.name}${missing?.reason ?? ''}`;
    describe.skipIf(missing !== undefined)(title, () => suite({ queue, s3 }));
  }
}
