import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkStore } from '../../src/caretaking.ts';
import type { Finding } from '../../src/core/findings.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { backUp, type DatabaseBackup } from '../support/database-backup.ts';
import { holdLearner } from '../support/held-lock.ts';
import { faultsOfLines, learnerId, learnersCsv } from '../support/learner-file.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/**
 * PostgreSQL back at an earlier moment, and the object store as it is now: what was under way is done again, what was made
 * since is gone, what was removed since says so; and nothing is there twice (docs/backup.md).
 */

const PATIENT = { timeout: 300_000 };
const ONE_AT_A_TIME = { SHEAF_CHUNK_RECORDS: '100', SHEAF_WORKER_CONCURRENCY: '1' };
const UNDER_WAY = 1000;
const isBad = (record: number) => record % 50 === 0;

let sheaf: TestSheaf;
let backup: DatabaseBackup;
const workers: WorkerProcess[] = [];

beforeAll(async () => {
  sheaf = await openTestSheaf();
}, PATIENT.timeout);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await sheaf?.close();
  await backup?.drop();
});

async function startWorker(): Promise<WorkerProcess> {
  const worker = await startWorkerProcess(sheaf, ONE_AT_A_TIME);
  workers.push(worker);
  return worker;
}

const skipping = { on_invalid: 'skip' } as const;
const learners = async (prefix: string) =>
  (await sheaf.sql`select from learners where learner_id like ${`${prefix}%`}`).length;

async function found(fix: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  await checkStore(sheaf.locations, { fix, marginSeconds: 0 }, (finding) => findings.push(finding));
  return findings;
}

/** What there is when the backup is made, as a worker leaves it that is in the middle of it. */
async function before() {
  const worker = await startWorker();
  const removed = await sheaf.run(learnersCsv('a', 200));
  const kept = await sheaf.run(learnersCsv('b', 200, isBad), skipping);
  const unused = await sheaf.upload(learnersCsv('e', 100));
  const lock = await holdLearner(sheaf, learnerId('c', 600));
  const half = await sheaf.submit(await sheaf.upload(learnersCsv('c', UNDER_WAY)));
  const half2 = await sheaf.submit(await sheaf.upload(learnersCsv('f', UNDER_WAY)));
  await lock.waiter('chunk');
  await worker.kill();
  const accepted = await sheaf.submit(await sheaf.upload(learnersCsv('d', 100)));
  return { removed, kept, unused, half, half2, accepted };
}

/** What happens after it, of which the database will know nothing. */
async function since({ removed, kept, unused, half, half2, accepted }: Awaited<ReturnType<typeof before>>) {
  const worker = await startWorker();
  const retried = await retryBatch(sheaf.engine, sheaf.caller, kept.id, {});
  const made = await sheaf.submit(unused);
  for (const id of [half, half2, accepted, retried.id, made]) await sheaf.ended(id);
  await deleteBatch(sheaf.engine, removed.id);
  await deleteBatch(sheaf.engine, half2);
  const prefixes = [`batches/${removed.id}/`, `batches/${half2}/`];
  for (const prefix of prefixes) while ((await sheaf.keys(prefix)).length > 0) await sleep(50);
  const uploaded = await sheaf.upload(learnersCsv('g', 100));
  await worker.stop();
  return { retried: retried.id, made, uploaded };
}

describe('a database that is restored to an earlier moment', PATIENT, () => {
  it('goes together with the object store again, and nothing is done twice', async () => {
    const was = await before();
    backup = await backUp(sheaf);
    const lost = await since(was);
    await backup.restore();

    const first = await found(false);
    expect(of(first, 'object_without_owner', lost.made)).not.toEqual([]);
    expect(of(first, 'object_without_owner', lost.retried)).not.toEqual([]);
    expect(of(first, 'object_without_owner', lost.uploaded)).toHaveLength(1);
    expect(of(first, 'batch_objects_gone', was.removed.id)).toMatchObject([
      { status: 'completed', remedy: null },
    ]);
    expect(of(first, 'batch_objects_gone', was.half2)).toHaveLength(1);

    await startWorker();
    const half = await sheaf.ended(was.half);
    expect(half).toMatchObject({ status: 'completed', counts: { total: UNDER_WAY, succeeded: UNDER_WAY } });
    expect(faultsOfLines(await sheaf.lines(half), 'c', UNDER_WAY)).toEqual([]);
    expect(await learners('c')).toBe(UNDER_WAY);
    // Its input was removed since: it says so, and its counts are what the table has of it.
    const half2 = await ended(was.half2);
    expect(half2).toMatchObject({ status: 'failed', statusReason: { code: 'input_gone' } });
    expect(half2.counts.succeeded).toBe(await learners('f'));
    // It was copied since, so its upload is gone, unless the sweep had not come to that yet.
    const accepted = await sheaf.ended(was.accepted);
    if (accepted.status === 'failed') expect(accepted.statusReason?.code).toBe('upload_gone');
    else expect(accepted.status).toBe('completed');
    expect(await learners('d')).toBe(accepted.counts.succeeded);

    await found(true);
    while (!(await sheaf.batch(was.removed.id)).expired) await sleep(50);
    // All that is left to be told: no retry can be made of what failed for want of its input.
    expect(await found(false)).toMatchObject([
      { kind: 'batch_objects_gone', batch: was.half2, parts: 0, results: 0 },
    ]);
    for (const id of [lost.made, lost.retried]) expect(await sheaf.keys(`batches/${id}/`)).toEqual([]);
    expect(await sheaf.batch(was.removed.id)).toMatchObject({ status: 'completed', expired: true });
    expect(await sheaf.lines(await sheaf.batch(was.kept.id))).toHaveLength(200);
    // What was done since and is gone is asked for once more.
    const retry = await retryBatch(sheaf.engine, sheaf.caller, was.kept.id, {});
    expect((await sheaf.ended(retry.id)).counts).toMatchObject({ total: 4, failed: 4 });
    const rows = await sheaf.sql<{ id: string; sum: number; total: number | null }[]>`
      select id, succeeded + failed + skipped + unprocessed as sum, total from batches where status <> 'deleting'`;
    for (const { sum, total } of rows) expect(sum).toBe(total ?? 0);
    expect(await learners('b')).toBe(196);
    expect(await learners('e')).toBe(0);
  });
});

const of = (findings: readonly Finding[], kind: Finding['kind'], id: string) =>
  findings.filter((finding) => finding.kind === kind && JSON.stringify(finding).includes(id));

/** Also of one whose results cannot be written. */
async function ended(id: string): Promise<BatchRow> {
  for (;;) {
    const batch = await sheaf.batch(id);
    if (batch.status === 'failed' || batch.resultsReady) return batch;
    await sleep(50);
  }
}
