import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResultLine } from '../../src/core/result.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { crashInTransaction, crashOutside, type Deed } from '../support/crashing-operations.ts';
import { Crew } from '../support/crew.ts';
import { learnersCsv } from '../support/learner-file.ts';
import { ROOT } from '../support/program.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/**
 * Records that end the process which tries them, or never come back. A supervisor starts a worker again that is gone, as
 * Docker and systemd do; what it was at runs alone in a process of its own then, and the record is found.
 */

/** All in one chunk; one of them is bad. CRASH_RECORDS=5000 is as many as a chunk has by default. */
const RECORDS = Number(process.env.CRASH_RECORDS ?? 6);
const BAD = Math.ceil(RECORDS * 0.7);
/** Processes are started one after the other, beside whatever else the machine does. */
const PATIENT = { timeout: 900_000 };

const SETTINGS = {
  SHEAF_OPERATIONS: `${ROOT}test/support/crashing-operations.ts`,
  SHEAF_CHUNK_RECORDS: '5000',
  SHEAF_LEASE_SECONDS: '2',
  SHEAF_BLOCKED_SECONDS: '3',
  SHEAF_ALONE_HEAP_MIB: '128',
  // Of the workers themselves.
  NODE_OPTIONS: '--max-old-space-size=256',
};

let sheaf: TestSheaf;
const crews: Crew<WorkerProcess>[] = [];
const single: WorkerProcess[] = [];

beforeEach(async () => {
  const settings = { SHEAF_CHUNK_RECORDS: '5000' };
  sheaf = await openTestSheaf(settings, { operations: [crashInTransaction, crashOutside] });
});
afterEach(async () => {
  await Promise.all(crews.splice(0).map((crew) => crew.end()));
  await Promise.all(single.splice(0).map((worker) => worker.kill()));
  await sheaf.close();
});

/** Workers that are started again when they are gone. */
async function startCrew(size: number): Promise<Crew<WorkerProcess>> {
  const crew = await Crew.of(size, () => startWorkerProcess(sheaf, SETTINGS));
  crews.push(crew);
  return crew;
}

/** One that stays away. */
async function startSingle(settings: Record<string, string>): Promise<WorkerProcess> {
  const worker = await startWorkerProcess(sheaf, settings);
  single.push(worker);
  return worker;
}

/** As if every chunk, or every step, had lost a worker before: all of them run alone. */
async function suspectAll(table: 'chunks' | 'batches'): Promise<void> {
  await sheaf.sql.unsafe(`
    create function suspect() returns trigger language plpgsql as
      'begin new.crashes := greatest(1, new.crashes); return new; end';
    create trigger suspect before insert or update on ${table} for each row execute function suspect()`);
}

function file(prefix: string, bad: { does?: Deed; text?: string }): string {
  const rows = Array.from({ length: RECORDS }, (_, index) => {
    const { does = 'nothing', text = 'aaa' } = index + 1 === BAD ? bad : {};
    return `${prefix}${index + 1},${does},${text}`;
  });
  return `id,does,text\n${rows.join('\n')}\n`;
}

async function submit(operation: string, csv: string): Promise<string> {
  return await sheaf.submit(await sheaf.upload(csv), { operation, on_invalid: 'skip' });
}

/** The one is told, all others are done, and of a transaction each once. */
async function expectFound(batch: BatchRow, prefix: string): Promise<void> {
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: RECORDS, succeeded: RECORDS - 1, failed: 1, skipped: 0, unprocessed: 0 },
  });
  const numbers = Array.from({ length: RECORDS }, (_, index) => index + 1);
  const others = numbers.filter((record) => record !== BAD);
  const lines: ResultLine[] = await sheaf.lines(batch);
  expect(lines.map(({ record }) => record)).toEqual(numbers);
  expect(lines[BAD - 1]).toMatchObject({ status: 'failed', error: { code: 'worker_crashed' }, attempts: 3 });
  expect(lines.filter(({ status }) => status === 'succeeded').map(({ record }) => record)).toEqual(others);
  if (batch.operation !== crashInTransaction.name) return;
  const rows = await sheaf.sql`select learner_id from learners where learner_id like ${`${prefix}%`}`;
  expect(rows.map((row) => row.learner_id).sort()).toEqual(others.map((n) => `${prefix}${n}`).sort());
}

describe('a record that crashes whoever tries it', PATIENT, () => {
  it('is found once it has taken a worker with it, while other batches go on', async () => {
    const crew = await startCrew(1);
    const id = await submit(crashInTransaction.name, file('a', { does: 'abort' }));
    while (crew.fallen.length === 0) await sleep(20);
    const other = await sheaf.run(learnersCsv('other', 100));
    expect(other.counts).toMatchObject({ total: 100, succeeded: 100 });
    await expectFound(await sheaf.ended(id), 'a');
    expect([crew.fallen.length, crew.notStarted]).toEqual([1, []]);
    const [chunk] = await sheaf.sql`select attempts, crashes, crashed from chunks where batch_id = ${id}`;
    expect(chunk).toEqual({ attempts: 1, crashes: 1, crashed: [BAD] });
  });

  const alone: [string, string, { does?: Deed; text?: string }][] = [
    [crashOutside.name, 'an operation with effects outside', { does: 'exit' }],
    [crashInTransaction.name, 'a check that never comes back', { text: `${'a'.repeat(40)}b` }],
  ];
  // Each takes a while: the rest of what may befall is tried with CRASH_ALL alone.
  if (process.env.CRASH_ALL !== undefined) {
    const deeds: Deed[] = ['segv', 'loop', 'memory'];
    for (const does of deeds) alone.push([crashInTransaction.name, `${does} in a transaction`, { does }]);
    for (const does of deeds) alone.push([crashOutside.name, `${does} outside`, { does }]);
  }
  it(`is found in ${alone.map(([, what]) => what).join(', ')}, and no worker is lost any more`, async () => {
    await suspectAll('chunks');
    const ids = await Promise.all(
      alone.map(([operation, , bad], index) => submit(operation, file(`${'abcdefghi'[index]}`, bad))),
    );
    const crew = await startCrew(2);
    for (const [index, id] of ids.entries()) {
      await expectFound(await sheaf.ended(id), `${'abcdefghi'[index]}`);
    }
    expect([...crew.fallen, ...crew.notStarted]).toEqual([]);
  });
});

describe('work that runs alone', PATIENT, () => {
  const LONG = { ...SETTINGS, SHEAF_LEASE_SECONDS: '120', SHEAF_DRAIN_SECONDS: '1' };
  const chunk = async () => {
    const [row] = await sheaf.sql`select status, lease, attempts, crashes, probes, crashed from chunks`;
    return row;
  };
  const handedBack = { status: 'waiting', lease: null, attempts: 0, crashes: 1, probes: null, crashed: null };

  /** The process that works alone is in its handler, in a transaction. */
  async function inHandler(): Promise<void> {
    for (;;) {
      const sessions = await sheaf.sql`
        select from pg_stat_activity a join chunks c on c.lease_pid = a.pid
        where c.phase = 'process' and a.state = 'idle in transaction'`;
      if (sessions.length > 0) return;
      await sleep(20);
    }
  }
  const sessionsOf = async (role: string) =>
    (await sheaf.sql`select from pg_stat_activity where usename = ${role}`).length;

  it('is handed back by a worker that is told to stop, and when the worker is killed; neither is its doing', async () => {
    await suspectAll('chunks');
    await submit(crashInTransaction.name, file('a', { does: 'wait' }));
    const stopped = await startSingle(LONG);
    await inHandler();
    expect(await stopped.stop()).toBe(0);
    expect(await chunk()).toEqual(handedBack);

    const killed = await startSingle(LONG);
    await inHandler();
    await killed.kill();
    // Nothing but the process that worked alone knows that it may be had again: the lease is far from its end.
    while ((await sessionsOf(killed.role)) > 0) await sleep(20);
    expect(await chunk()).toEqual(handedBack);
  });

  it('fails its batch if the process ends each time before it has begun', async () => {
    await suspectAll('batches');
    const id = await submit('create_learner', learnersCsv('a', 3));
    const preload = `--import ${ROOT}test/support/aborts-alone.mjs`;
    await startSingle({ ...SETTINGS, NODE_OPTIONS: preload, SHEAF_MAX_ATTEMPTS: '2' });
    expect(await sheaf.ended(id)).toMatchObject({
      status: 'failed',
      failedFrom: 'copying',
      statusReason: {
        code: 'retries_exhausted',
        message: 'the step copy failed 2 times: its process ended: SIGABRT',
      },
    });
  });
});
