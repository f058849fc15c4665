import { afterEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { Stage as AnyStage } from '../../src/core/batch.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import type { TransactionOperation } from '../../src/core/operation.ts';
import type { KnownOperations } from '../../src/engine/ports/claims.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import { sweep } from '../../src/engine/sweep.ts';
import { createLearner } from '../../src/operations/training/create-learner.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { startSweeping } from '../../workers/sweep.ts';
import { gate } from '../support/gate.ts';
import { serveOneStep } from '../support/one-step.ts';
import { processed } from '../support/outcomes.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { GOOD_WAY, statuses } from '../support/statuses.ts';

/** Rule 9 on the whole pipeline: tickets and workers come and go, and PostgreSQL alone decides what is done. */

const OPERATION = 'create_learner_watched';
const KNOWN: KnownOperations = { names: [OPERATION], versions: [1] };
const RECORDS = 12;
const FILE = `learner_id\n${Array.from({ length: RECORDS }, (_, n) => `r${n + 1}\n`).join('')}`;
const NUMBERS = Array.from({ length: RECORDS }, (_, n) => n + 1);

let sheaf: TestSheaf;
/** How often the handler was given each record. */
let handled: Map<number, number>;
const after: (() => Promise<unknown>)[] = [];

/** `create_learner`, watched; `before` runs first, and may throw. */
function watched(before: (records: number[]) => Promise<void>): TransactionOperation {
  handled = new Map();
  return {
    ...createLearner,
    name: OPERATION,
    run: async (records, context) => {
      const numbers = records.map((record) => record.number);
      for (const number of numbers) handled.set(number, (handled.get(number) ?? 0) + 1);
      await before(numbers);
      return await createLearner.run(records, context);
    },
  };
}

/** Twelve records make four chunks; nothing works on them until workers are started. */
async function open(
  before: (records: number[]) => Promise<void> = async () => {},
  settings: Environment = {},
) {
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '3', SHEAF_MAX_ATTEMPTS: '3', ...settings },
    { operations: [watched(before)] },
  );
  after.push(() => sheaf.close());
}
afterEach(async () => {
  for (const undo of after.splice(0).reverse()) await undo();
});

const submit = async () => await sheaf.submit(await sheaf.upload(FILE), { operation: OPERATION });

/** Every record in one line, one count, and where it succeeded in one row of the table. */
async function accountedFor(batch: BatchRow): Promise<void> {
  const lines = await sheaf.lines(batch);
  expect(lines.map((line) => line.record)).toEqual(NUMBERS);
  const count = (status: string) => lines.filter((line) => line.status === status).length;
  expect(batch.counts).toEqual({
    total: RECORDS,
    succeeded: count('succeeded'),
    failed: count('failed'),
    skipped: 0,
    unprocessed: count('unprocessed'),
  });
  const stored = await sheaf.sql`select learner_id from learners`;
  const succeeded = lines.filter((line) => line.status === 'succeeded').map((line) => `r${line.record}`);
  expect(stored.map((row) => row.learner_id).sort()).toEqual(succeeded.sort());
}

async function allSucceeded(batch: BatchRow): Promise<void> {
  expect(statuses(batch)).toEqual(GOOD_WAY);
  expect(batch.counts).toMatchObject({ total: RECORDS, succeeded: RECORDS });
  await accountedFor(batch);
}

const attempts = async (batch: BatchRow) =>
  (await sheaf.lines(batch)).map((line) => ('attempts' in line ? line.attempts : null));

/** The deadlines of whatever is held pass. */
async function expire(): Promise<void> {
  await sheaf.sql`update batches set lease_expires_at = now() - interval '1 second' where lease is not null`;
  await sheaf.sql`update chunks set lease_expires_at = now() - interval '1 second' where lease is not null`;
}

/** The stages that every batch goes through. */
type Stage = Exclude<AnyStage, 'remove'>;

const step = (stage: Stage) => serveOneStep(sheaf, stage, KNOWN);

/** Does all that comes before a stage. */
async function advanceTo(stage: Stage): Promise<void> {
  const before: Stage[] = ['copy', ...Array(4).fill('validate'), ...Array(4).fill('process')];
  const end = before.indexOf(stage);
  for (const done of end === -1 ? before : before.slice(0, end)) await step(done);
}

/** A worker claims work of the stage and is never heard of again. */
async function claimAndDie(stage: Stage): Promise<void> {
  const { work } = sheaf.services;
  const claim =
    stage === 'validate' || stage === 'process' || stage === 'call'
      ? await (await work.openSession()).claim(stage, KNOWN)
      : await work.claimBatch(stage, KNOWN);
  expect(claim).not.toBeNull();
  await expire();
}

describe('tickets that are lost', () => {
  it('all of them: the sweep alone brings the batch to its end', async () => {
    const held = gate();
    const before = async (numbers: number[]) => {
      if (numbers.includes(1)) await held.wait();
    };
    await open(before, { SHEAF_LEASE_SECONDS: '60' });
    const { services, config } = sheaf;
    // These workers write no tickets, neither when they move a batch on nor when they sweep.
    const mute = { ...services.queue, enqueue: async () => undefined };
    const workers = await startWorkers({ ...services, queue: mute }, config);
    after.push(() => workers.stop());
    const write = services.queue.enqueue;
    services.queue.enqueue = mute.enqueue;
    const batch = await submit();
    services.queue.enqueue = write;
    const [jobs] = await sheaf.sql`select count(*)::int as n from bullmq.job`;
    expect(jobs?.n).toBe(0);

    const sweeping = startSweeping(services, 1);
    after.push(() => sweeping.stop());
    // In the middle of processing the queue is emptied, of what waits and of what is being served.
    await held.arrived;
    await sheaf.sql`delete from bullmq.job`;
    held.open();

    const ended = await sheaf.ended(batch);
    await allSucceeded(ended);
    expect(new Set(handled.values())).toEqual(new Set([1]));
    expect(new Set(await attempts(ended))).toEqual(new Set([1]));
  });

  it('with the whole queue, while nobody works', async () => {
    await open();
    const batch = await submit();
    const tables = await sheaf.sql`
      select tablename as name from pg_tables where schemaname = 'bullmq' and tablename <> 'migration'`;
    for (const { name } of tables) await sheaf.sql`truncate bullmq.${sheaf.sql(name)} cascade`;
    await sheaf.startWorkers();
    await allSucceeded(await sheaf.ended(batch));
  });
});

describe('tickets that are doubled', () => {
  it('do nothing twice', async () => {
    await open(undefined, { SHEAF_WORKER_CONCURRENCY: '4' });
    const { queue } = sheaf.services;
    const write = queue.enqueue;
    let written = 0;
    queue.enqueue = async (tickets: readonly Ticket[]) => {
      written += tickets.length;
      await write([...tickets, ...tickets]);
    };
    await sheaf.startWorkers();
    const batches = [await submit(), await submit()];
    const [first, second] = [await sheaf.ended(batches[0]!), await sheaf.ended(batches[1]!)];

    expect(written).toBeGreaterThan(10);
    for (const batch of [first, second]) {
      expect(statuses(batch)).toEqual(GOOD_WAY);
      expect(new Set(await attempts(batch))).toEqual(new Set([1]));
      expect((await sheaf.lines(batch)).map((line) => line.record)).toEqual(NUMBERS);
    }
    // The same file twice: every learner is created by one of the batches and is a duplicate in the other.
    expect(first!.counts.succeeded + second!.counts.succeeded).toBe(RECORDS);
    expect(first!.counts.failed + second!.counts.failed).toBe(RECORDS);
    expect(await sheaf.sql`select from learners`).toHaveLength(RECORDS);
    expect([...handled.values()]).toEqual(Array(RECORDS).fill(2));
  });
});

describe('a worker that died', () => {
  it.each<Stage>(['copy', 'validate', 'process', 'write_results'])(
    'in the stage %s has its work done by another',
    async (stage) => {
      await open();
      const batch = await submit();
      await advanceTo(stage);
      await claimAndDie(stage);
      await sheaf.startWorkers();

      const ended = await sheaf.ended(batch);
      await allSucceeded(ended);
      expect(new Set(handled.values())).toEqual(new Set([1]));
      // Only a chunk that was being processed has had an attempt more.
      const more = stage === 'process' ? 2 : 1;
      expect(await attempts(ended)).toEqual([more, more, more, ...Array(9).fill(1)]);
    },
  );

  it('with its transaction open leaves nothing of it', async () => {
    await open();
    const batch = await submit();
    await advanceTo('process');
    const session = await sheaf.services.work.openSession();
    const claim = await session.claim('process', KNOWN);
    const frozen = gate();
    const settling = session.settleProcessing(claim!, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${claim!.accountId}, ${'r1'})`;
      await frozen.wait();
      return processed({ succeeded: 3 }, 'parts/never');
    });
    const outcome = expect(settling).rejects.toBeInstanceOf(RetryableFault);
    await frozen.arrived;
    await expire();
    await sheaf.startWorkers();

    const ended = await sheaf.ended(batch);
    await allSucceeded(ended);
    frozen.open();
    await outcome;
    expect(await attempts(ended)).toEqual([2, 2, 2, ...Array(9).fill(1)]);
  });
});

describe('an object store that does not answer', () => {
  it('while others clear away keeps no work of a dead worker back', async () => {
    await open(undefined, { SHEAF_LEASE_SECONDS: '60' });
    await sheaf.upload('not needed any more\n');
    await sheaf.sql`update uploads set url_expires_at = now() - interval '2 days', expires_at = now() - interval '1 day'`;
    const batch = await submit();
    await advanceTo('process');
    const { services, config } = sheaf;
    const silent = gate();
    const removeAll = () => silent.wait().then(() => 0);
    after.push(async () => silent.open());
    const objects = { ...services.objects, removeAll };
    const session = await services.work.openSession();
    expect(await session.claim('process', KNOWN)).not.toBeNull();
    const workers = await startWorkers({ ...services, objects }, config);
    after.push(() => workers.stop());
    // The first round has passed what is taken over.
    await silent.arrived;
    await sheaf.sql`
      update chunks set lease_expires_at = now() - interval '1 second' where batch_id = ${batch} and lease is not null
        and number = 1`;
    await allSucceeded(await sheaf.ended(batch));
  });
});

describe('a step that loses its worker, or fails, as often as it may', () => {
  const settled = { succeeded: 0, failed: 0, skipped: 0 };
  it.each<[Stage, string, BatchRow['counts']]>([
    ['copy', 'copying', { ...settled, total: null, unprocessed: 0 }],
    ['validate', 'validating', { ...settled, total: RECORDS, unprocessed: RECORDS }],
    ['process', 'processing', { ...settled, total: RECORDS, succeeded: 6, unprocessed: 6 }],
    ['write_results', 'writing_results', { ...settled, total: RECORDS, succeeded: RECORDS, unprocessed: 0 }],
  ])('as its workers die in the stage %s: the batch has failed from %s', async (stage, from, counts) => {
    await open(undefined, { SHEAF_MAX_CRASHES: '3' });
    const batch = await submit();
    await advanceTo(stage);
    await claimAndDie(stage);
    if (stage === 'process') {
      // Two of the other chunks go well.
      await step('process');
      await step('process');
    }
    for (let attempt = 2; attempt <= 3; attempt += 1) {
      expect(await sheaf.services.work.reclaimExpired()).toBe(1);
      await claimAndDie(stage);
    }
    await sweep(sheaf.services);
    expect(await sheaf.batch(batch)).toMatchObject({ status: from });
    // Whoever comes upon it next does not begin with it again.
    await step(stage);
    const what = stage === 'validate' || stage === 'process' ? 'chunk 1' : `the step ${stage}`;
    const message = `${what} was begun, and its worker was gone before it had ended, 3 times`;
    expect(await sheaf.batch(batch)).toMatchObject({
      status: 'failed',
      failedFrom: from,
      statusReason: { code: 'retries_exhausted', message },
    });

    await sheaf.startWorkers();
    const ended = await sheaf.ended(batch);
    expect(ended.status).toBe('failed');
    expect(ended.counts).toEqual(counts);
    if (stage !== 'copy') await accountedFor(ended);
  });

  it('as its handler throws each time: the batch has failed, and every record is accounted for', async () => {
    await open(async (numbers) => {
      if (numbers.includes(5)) throw new Error('the handler cannot do 5');
    });
    await sheaf.startWorkers();
    const ended = await sheaf.ended(await submit());

    expect(ended).toMatchObject({
      status: 'failed',
      failedFrom: 'processing',
      statusReason: {
        code: 'retries_exhausted',
        message: expect.stringMatching(/^chunk 2 failed 3 times/),
      },
    });
    expect(handled.get(5)).toBe(3);
    await accountedFor(ended);
    expect((await attempts(ended)).slice(3, 6)).toEqual([null, null, null]);
  });
});

describe('a fault that passes', () => {
  it('costs an attempt, unless it is contention; the attempts are told record by record', async () => {
    const thrown = new Set<number>();
    const once = (numbers: number[], number: number, fault: RetryableFault) => {
      if (!numbers.includes(number) || thrown.has(number)) return;
      thrown.add(number);
      throw fault;
    };
    await open(async (numbers) => {
      once(numbers, 5, new RetryableFault('the other side answered 503'));
      once(numbers, 8, new RetryableFault('deadlock', { free: true }));
    });
    await sheaf.startWorkers();
    const ended = await sheaf.ended(await submit());

    await allSucceeded(ended);
    expect(await attempts(ended)).toEqual([1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
    expect([...handled.entries()].filter(([, times]) => times === 2).map(([number]) => number)).toEqual([
      4, 5, 6, 7, 8, 9,
    ]);
  });
});
