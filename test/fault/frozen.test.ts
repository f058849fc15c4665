import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { holdLearner, holdLock, type Session } from '../support/held-lock.ts';
import { faultsOfLines, learnerId, learnersCsv } from '../support/learner-file.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf, type TestSheafOptions } from '../support/sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/**
 * A worker process that is frozen (a suspended machine, a network that is cut) past its lease and then goes on: what it
 * was at is done by others meanwhile, and what it does afterwards counts nowhere. Each test has two workers; a lock
 * keeps one at a certain point of its work until it is frozen there.
 */

/** Each test starts processes and waits for leases, beside whatever else the machine does. */
const PATIENT = { timeout: 300_000 };

const RECORDS = 5_000;
const CHUNK_RECORDS = 500;
const HELD_CHUNK = 3;
const HELD_RECORD = HELD_CHUNK * CHUNK_RECORDS;

let sheaf: TestSheaf;
let workers: WorkerProcess[];

async function start(settings: Record<string, string> = {}, options: TestSheafOptions = {}): Promise<void> {
  sheaf = await openTestSheaf({}, options);
  await startWorkers(settings);
}

async function startWorkers(settings: Record<string, string> = {}): Promise<void> {
  for (let count = 0; count < 2; count += 1) workers.push(await startWorkerProcess(sheaf, settings));
}

beforeEach(() => {
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await sheaf.close();
});

const submit = async (prefix: string) => await sheaf.submit(await sheaf.upload(learnersCsv(prefix, RECORDS)));

function workerOf(role: string): { frozen: WorkerProcess; other: WorkerProcess } {
  const frozen = workers.find((worker) => worker.role === role)!;
  return { frozen, other: workers.find((worker) => worker !== frozen)! };
}

/** The lease under which the chunk is held that a lock keeps from settling. */
async function leaseOfHeldChunk(id: string): Promise<string> {
  const [chunk] = await sheaf.sql<{ lease: string }[]>`
    select lease from chunks where batch_id = ${id} and number = ${HELD_CHUNK}`;
  return chunk!.lease;
}

/** Everything that a worker could have changed of a batch and of its learners. */
async function stateOf(id: string, prefix: string) {
  const chunks = await sheaf.sql`
    select number, status, lease, attempts, succeeded, failed, part from chunks where batch_id = ${id} order by 1`;
  // The transaction that wrote a row says whether it was written again.
  const learners = await sheaf.sql`
    select learner_id, email, xmin::text from learners where learner_id like ${`${prefix}%`} order by 1`;
  return { batch: await sheaf.batch(id), chunks: [...chunks], learners: [...learners] };
}

const storedIds = async (prefix: string) => {
  const rows = await sheaf.sql`
    select learner_id from learners where learner_id like ${`${prefix}%`} order by learner_id`;
  return rows.map((row) => row.learner_id as string);
};
const allIds = (prefix: string) =>
  Array.from({ length: RECORDS }, (_, index) => learnerId(prefix, index + 1));

async function expectEachOnce(id: string, prefix: string): Promise<void> {
  const batch = await sheaf.batch(id);
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: RECORDS, succeeded: RECORDS, failed: 0, unprocessed: 0 },
  });
  expect(faultsOfLines(await sheaf.lines(batch), prefix, RECORDS).slice(0, 10)).toEqual([]);
  expect(await storedIds(prefix)).toEqual(allIds(prefix));
}

/** The chunk that was held is somebody else's work in the end. */
async function expectTakenOver(id: string, lease: string): Promise<void> {
  const [chunk] = await sheaf.sql<{ part: string }[]>`
    select part from chunks where batch_id = ${id} and number = ${HELD_CHUNK}`;
  expect(chunk?.part).not.toContain(lease);
  const lines = await sheaf.lines(await sheaf.batch(id));
  expect(lines[HELD_RECORD - 1]).toMatchObject({ attempts: expect.toSatisfy((attempts) => attempts > 1) });
}

/**
 * The thawed worker alone serves a batch in all its stages; stopped then, it has nothing left that it was at.
 * @returns once it is gone
 */
async function expectServes({ frozen, other }: ReturnType<typeof workerOf>, prefix: string): Promise<void> {
  frozen.thaw();
  expect(await other.stop()).toBe(0);
  const id = await submit(prefix);
  await sheaf.ended(id);
  await expectEachOnce(id, prefix);
  expect(await frozen.stop()).toBe(0);
}

/** In the handler's transaction, with all records of the chunk written. */
async function freezeInHandler(prefix: string) {
  const lock = await holdLearner(sheaf, learnerId(prefix, HELD_RECORD));
  const id = await submit(prefix);
  const { pid, role } = await lock.waiter('chunk');
  const { frozen, other } = workerOf(role);
  const lease = await leaseOfHeldChunk(id);
  await frozen.freeze();
  return { id, pid, lock, frozen, other, lease };
}

/** With the chunk settled in its transaction, the part stored, and only the COMMIT missing. */
async function freezeBeforeCommit(prefix: string) {
  const learner = await holdLearner(sheaf, learnerId(prefix, HELD_RECORD));
  const id = await submit(prefix);
  await learner.waiter('chunk');
  const chunk = await holdLock(
    sheaf,
    (session) => session`select from chunks where batch_id = ${id} and number = ${HELD_CHUNK} for update`,
  );
  await learner.release();
  const { frozen, other } = workerOf((await chunk.waiter('chunk')).role);
  await frozen.freeze();
  const lease = await leaseOfHeldChunk(id);
  const parts = await sheaf.keys(`batches/${id}/parts/process/${HELD_CHUNK}/`);
  expect(parts.filter((part) => part.includes(lease))).toHaveLength(1);
  return { id, lock: chunk, frozen, other, lease };
}

async function expectGoesOnWithout(freeze: typeof freezeBeforeCommit): Promise<void> {
  const { id, lock, frozen, other, lease } = await freeze('a');
  // The statement that waited is done now, but whoever sent it does not know.
  await lock.release();

  await sheaf.ended(id);
  await expectEachOnce(id, 'a');
  await expectTakenOver(id, lease);

  const before = await stateOf(id, 'a');
  await expectServes({ frozen, other }, 'b');
  expect(await stateOf(id, 'a')).toEqual(before);
}

/** As `holdLock`, by a session that might be a worker's or an API's own, and that says nothing from then on. */
async function forsakenLock(take: (session: postgres.Sql) => PromiseLike<unknown>): Promise<postgres.Sql> {
  const session = postgres(sheaf.locations.databaseUrl, {
    max: 1,
    onnotice: () => undefined,
    connection: { application_name: 'sheaf work' },
  });
  await session.unsafe('begin');
  await take(session);
  return session;
}

describe('a frozen worker', PATIENT, () => {
  it('in its handler’s transaction: the batch goes on without it, and it writes nothing', async () => {
    await start();
    await expectGoesOnWithout(freezeInHandler);
  });

  it('between settling and its commit: the batch goes on without it, and it writes nothing', async () => {
    // Renewals wait for the same lock: the lease must outlast the way from there to the freezing.
    await start({ SHEAF_LEASE_SECONDS: '8' });
    await expectGoesOnWithout(freezeBeforeCommit);
  });

  it('while it waits for a lock: whoever takes over ends its session, and does not wait', async () => {
    await start();
    const { id, pid, lock, frozen, other, lease } = await freezeInHandler('a');
    // The successor stands where the frozen one stood: it can only be there when the other's rows are not.
    const successor = await lock.waiter('chunk', { not: frozen.role });
    expect(successor.role).toBe(other.role);
    const former = await sheaf.sql`
      select from pg_stat_activity where pid = ${pid} and usename = ${frozen.role}`;
    expect(former).toHaveLength(0);
    await lock.release();
    await sheaf.ended(id);
    await expectEachOnce(id, 'a');
    await expectTakenOver(id, lease);
    await expectServes({ frozen, other }, 'b');
    expect(await storedIds('a')).toEqual(allIds('a'));
  });

  it.each([
    // The lock is met when the statement is parsed: the server waits for the rest of it, which nothing limits.
    ['half a statement sent', (session: Session) => session`lock table chunks in share mode`],
    ['its transaction idle', (session: Session) => session`select from uploads for update`],
  ])('while it ends the copying, the batch’s row locked and %s: nobody waits for it', async (_, take) => {
    sheaf = await openTestSheaf();
    const id = await submit('a');
    const lock = await holdLock(sheaf, take);
    await startWorkers();
    const { frozen, other } = workerOf((await lock.waiter('work')).role);
    await frozen.freeze();
    await lock.release();

    await sheaf.ended(id);
    await expectEachOnce(id, 'a');
    await expectServes({ frozen, other }, 'b');
    await expectEachOnce(id, 'a');
  });

  it('does not keep a batch from being cancelled, nor its records from being sent again', async () => {
    await start();
    const { id, lock, frozen, other } = await freezeInHandler('a');
    // While the lock is held, the batch cannot be completed by somebody else.
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    await lock.release();
    const batch = await sheaf.ended(id);
    expect(batch.status).toBe('cancelled');
    const { succeeded, unprocessed } = batch.counts;
    expect(batch.counts).toEqual({ total: RECORDS, succeeded, failed: 0, skipped: 0, unprocessed });
    expect(succeeded + unprocessed).toBe(RECORDS);

    const lines = await sheaf.lines(batch);
    const done = lines.filter((line) => line.status === 'succeeded').map(({ record }) => record);
    const heldRecords = lines.slice(HELD_RECORD - CHUNK_RECORDS, HELD_RECORD);
    expect(new Set(heldRecords.map((line) => line.status))).toEqual(new Set(['unprocessed']));
    expect(await storedIds('a')).toEqual(done.map((record) => learnerId('a', record)));
    const before = await stateOf(id, 'a');

    // While it is still frozen: its rows are in nobody's way.
    const file = batch.results!.find(({ kind }) => kind === 'unprocessed')!;
    const rest = await sheaf.run(await sheaf.object(file.key));
    expect(rest).toMatchObject({
      status: 'completed',
      counts: { total: unprocessed, succeeded: unprocessed },
    });

    await expectServes({ frozen, other }, 'b');
    expect(await storedIds('a')).toEqual(allIds('a'));
    const { batch: after, chunks } = await stateOf(id, 'a');
    expect({ batch: after, chunks }).toEqual({ batch: before.batch, chunks: before.chunks });
  });
});

describe('a session that has a batch’s row locked and says nothing', PATIENT, () => {
  it('is ended, although all workers stand before that row', async () => {
    await start();
    const lock = await holdLearner(sheaf, learnerId('a', HELD_RECORD));
    const id = await submit('a');
    await lock.waiter('chunk');
    const others = RECORDS / CHUNK_RECORDS - 1;
    while (
      (await sheaf.sql`select from chunks where phase = 'process' and status = 'settled'`).length < others
    ) {
      await sleep(20);
    }
    const forsaken = await forsakenLock((session) => session`select from batches for update`);
    await lock.release();
    await sheaf.ended(id);
    await expectEachOnce(id, 'a');
    await forsaken.end({ timeout: 1 });
  });
});

const redis = required('TEST_REDIS_URL');
describe.skipIf(redis.missing)(`a frozen worker, with the queue on Redis${redis.reason}`, PATIENT, () => {
  it('in its handler’s transaction: the batch goes on without it, and it writes nothing', async () => {
    await start({}, { queue: 'redis' });
    await expectGoesOnWithout(freezeInHandler);
  });
});
