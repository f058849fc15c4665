import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gate } from '../support/gate.ts';
import { holdLearner } from '../support/held-lock.ts';
import { heldCsv, heldOperation } from '../support/held-operation.ts';
import { faultsOfLines, learnerId, learnersCsv } from '../support/learner-file.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf, type TestSheafOptions } from '../support/sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/**
 * Worker processes that go away while others stay. A lock keeps one in the middle of a chunk, so that it is known which
 * one it is and that it is at work.
 */

/** Each test starts processes and waits for leases, beside whatever else the machine does. */
const PATIENT = { timeout: 300_000 };
/** However slow the machine is: no lease may run out where nobody is meant to take anything over. */
const NO_TAKEOVER = { SHEAF_LEASE_SECONDS: '120', SHEAF_DRAIN_SECONDS: '120' };

const RECORDS = 10_000;
const CHUNK_RECORDS = 500;
const CHUNKS = RECORDS / CHUNK_RECORDS;
const HELD_CHUNK = 5;

let sheaf: TestSheaf;
let workers: WorkerProcess[];

beforeEach(() => {
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await sheaf.close();
});

async function startWorker(settings: Record<string, string> = {}): Promise<void> {
  workers.push(await startWorkerProcess(sheaf, settings));
}

/** A batch of which one chunk is held in its handler, by which worker, and how to let it go on. */
async function heldBatch() {
  const lock = await holdLearner(sheaf, learnerId('a', HELD_CHUNK * CHUNK_RECORDS));
  const id = await sheaf.submit(await sheaf.upload(learnersCsv('a', RECORDS)));
  const { role } = await lock.waiter('chunk');
  return { id, lock, holder: workers.find((worker) => worker.role === role)! };
}

/** Waits until so many chunks are processed. */
async function processed(id: string, chunks: number): Promise<void> {
  for (;;) {
    const settled = await sheaf.sql`
      select from chunks where batch_id = ${id} and phase = 'process' and status = 'settled'`;
    if (settled.length >= chunks) return;
    await sleep(20);
  }
}

/** @returns how many attempts the records of each chunk took */
async function expectEachOnce(id: string): Promise<number[]> {
  const batch = await sheaf.ended(id);
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: RECORDS, succeeded: RECORDS, failed: 0, unprocessed: 0 },
  });
  const lines = await sheaf.lines(batch);
  expect(faultsOfLines(lines, 'a', RECORDS).slice(0, 10)).toEqual([]);
  const [count] = await sheaf.sql`select count(*)::int as rows from learners`;
  expect(count).toEqual({ rows: RECORDS });
  return Array.from({ length: CHUNKS }, (_, chunk) => {
    const line = lines[chunk * CHUNK_RECORDS]!;
    return 'attempts' in line ? line.attempts : 0;
  });
}

function workersThatGo(options: TestSheafOptions) {
  beforeEach(async () => {
    sheaf = await openTestSheaf({}, options);
  });

  it('three at once, one killed with -9 in the middle and replaced: each record is done once', async () => {
    for (let count = 0; count < 3; count += 1) await startWorker();
    const { id, lock, holder } = await heldBatch();
    await processed(id, CHUNKS / 2);
    await holder.kill();
    await startWorker();
    // Somebody else stands there now, so the session of the one that was killed is over.
    const successor = await lock.waiter('chunk', { not: holder.role });
    expect(successor.role).not.toBe(holder.role);
    await lock.release();
    const attempts = await expectEachOnce(id);
    expect(attempts[HELD_CHUNK - 1]).toBeGreaterThan(1);
  });

  it('one that is told to stop finishes what it holds, and others do the rest', async () => {
    for (let count = 0; count < 2; count += 1) await startWorker(NO_TAKEOVER);
    const { id, lock, holder } = await heldBatch();
    const stopping = holder.stop();
    // The others go on meanwhile.
    await processed(id, CHUNKS - 1);
    expect(holder.child.exitCode).toBeNull();
    await lock.release();
    expect(await stopping).toBe(0);
    const [held] = await sheaf.sql`
      select status from chunks where batch_id = ${id} and number = ${HELD_CHUNK}`;
    expect(held?.status).toBe('settled');
    expect(await expectEachOnce(id)).toEqual(Array(CHUNKS).fill(1));
  });
}

/** In which the queue has no part. */
function workersThatEndLate() {
  it('one whose time to drain is over hands its work back, which speaks against nobody', async () => {
    await startWorker({ ...NO_TAKEOVER, SHEAF_DRAIN_SECONDS: '1' });
    const { id, lock, holder } = await heldBatch();
    const stopping = holder.stop();
    while (!holder.log().includes('the drain time is over')) await sleep(20);
    await lock.release();
    expect(await stopping).toBe(0);
    const [held] = await sheaf.sql`
      select status, lease, attempts from chunks where batch_id = ${id} and number = ${HELD_CHUNK}`;
    expect(held).toEqual({ status: 'waiting', lease: null, attempts: 0 });
    await startWorker();
    expect(await expectEachOnce(id)).toEqual(Array(CHUNKS).fill(1));
  });

  it('one that cannot end its work stops all the same, and nobody waits for what it has left', async () => {
    await startWorker({ SHEAF_DRAIN_SECONDS: '1' });
    const { id, lock, holder } = await heldBatch();
    expect(await holder.stop()).toBe(0);
    await startWorker();
    await lock.waiter('chunk', { not: holder.role });
    await lock.release();
    await expectEachOnce(id);
  });
}

describe('workers that stop', PATIENT, () => {
  it('hand a chunk back whose handler does not listen, blamed on nobody', async () => {
    const held = heldOperation();
    const never = gate();
    held.before = async ({ records }) => {
      if (records.includes(1)) await never.wait();
    };
    const settings = { SHEAF_LEASE_SECONDS: '120', SHEAF_DRAIN_SECONDS: '1', SHEAF_CHUNK_RECORDS: '2' };
    sheaf = await openTestSheaf(settings, { operations: [held.operation] });
    const leaving = await sheaf.startWorkersApart();
    const id = await sheaf.submit(await sheaf.upload(heldCsv(['a1', 'a2', 'a3'])), { operation: 'hold' });
    await never.arrived;
    await leaving.stop();
    // Its handler is where it was.
    const [chunk] = await sheaf.sql`
      select status, lease, attempts, crashes from chunks where batch_id = ${id} and number = 1`;
    expect(chunk).toEqual({ status: 'waiting', lease: null, attempts: 0, crashes: 0 });
    held.before = async () => undefined;
    await sheaf.startWorkersApart();
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 3 } });
    never.open();
    expect((await sheaf.lines(batch)).map((line) => 'attempts' in line && line.attempts)).toEqual([1, 1, 1]);
    expect(await sheaf.sql`select from learners`).toHaveLength(3);
  });
});

describe('worker processes, with the queue on PostgreSQL', PATIENT, () => {
  workersThatGo({});
  workersThatEndLate();
});

const redis = required('TEST_REDIS_URL');
describe.skipIf(redis.missing)(`worker processes, with the queue on Redis${redis.reason}`, PATIENT, () => {
  workersThatGo({ queue: 'redis' });
});
