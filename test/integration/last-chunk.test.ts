import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failBatch } from '../../src/adapters/postgres/advance-batch.ts';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { LeaseLost } from '../../src/core/errors.ts';
import type { KnownOperations } from '../../src/engine/ports/claims.ts';
import type { BatchReason } from '../../src/engine/ports/work-store.ts';
import { gate } from '../support/gate.ts';
import { checked, processed } from '../support/outcomes.ts';
import { addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Rules 5 and 6: who moves a batch on, and what becomes of chunks that are under way when it leaves its phase. */

const KNOWN: KnownOperations = { names: ['create_learner'], versions: [1] };
const OUTCOME = processed({ succeeded: 10 });
const REASON = { code: 'retries_exhausted', message: 'for the test' } as const;

let sheaf: TestSheaf;
let sql: Sql;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  sql = connect(sheaf.locations.databaseUrl, { max: 2, name: 'work' });
});
afterAll(async () => {
  await sql.end();
  await sheaf.close();
});
beforeEach(() => clearBatches(sheaf.sql));

async function claim(phase: 'validate' | 'process' = 'process') {
  const session = await sheaf.services.work.openSession();
  const claimed = await session.claim(phase, KNOWN);
  if (claimed === null) throw new Error('nothing to claim');
  return { session, claimed };
}

const fail = (id: string, reason: BatchReason = REASON) => failBatch(sql, id, reason, async () => true);
const advance = (id: string) => sheaf.services.work.advance(id);
const status = async (id: string) => (await sheaf.batch(id)).status;

describe('the last chunk', () => {
  it('moves the batch on only after its commit, however the settlers overlap', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 2 });
    const slow = await claim();
    const quick = await claim();
    const heldBack = gate();
    const settling = slow.session.settleProcessing(slow.claimed, async () => {
      await heldBack.wait();
      return OUTCOME;
    });
    await heldBack.arrived;
    await quick.session.settleProcessing(quick.claimed, async () => OUTCOME);
    expect(await advance(id)).toEqual([]);
    expect(await status(id)).toBe('processing');

    heldBack.open();
    await settling;
    expect(await advance(id)).toEqual([{ stage: 'write_results', batchId: id, tickets: 1 }]);
    expect(await status(id)).toBe('processed');
  });

  it('moves it on exactly once, however many settlers ask', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const { session, claimed } = await claim();
    await session.settleProcessing(claimed, async () => OUTCOME);
    await Promise.all(Array.from({ length: 8 }, () => advance(id)));
    const statuses = (await sheaf.batch(id)).statuses.map((entry) => entry.status);
    expect(statuses).toEqual(['processed']);
  });

  it('of the validation hands every chunk out for processing, once', async () => {
    const id = await addBatch(sheaf, { status: 'validating', phase: 'validate', chunks: 2 });
    for (let n = 0; n < 2; n += 1) {
      const { session, claimed } = await claim('validate');
      await session.settleValidation(claimed, checked());
    }
    const answers = await Promise.all([advance(id), advance(id), advance(id)]);
    expect(answers.flat()).toEqual([{ stage: 'process', batchId: id, tickets: 2 }]);
    expect(
      await sheaf.sql`select from chunks where phase = 'process' and status = 'waiting' and attempts = 0`,
    ).toHaveLength(2);
  });

  it('of the validation with a bad record in any chunk processes none', async () => {
    const id = await addBatch(sheaf, { status: 'validating', phase: 'validate', chunks: 2 });
    for (const invalid of [0, 1]) {
      const { session, claimed } = await claim('validate');
      await session.settleValidation(claimed, checked({ invalid, part: invalid === 0 ? null : 'parts/v' }));
    }
    expect(await advance(id)).toEqual([{ stage: 'write_results', batchId: id, tickets: 1 }]);
    await expect(claim('process')).rejects.toThrow('nothing to claim');
    expect((await sheaf.batch(id)).statusReason).toMatchObject({ code: 'records_invalid' });
  });

  it('whose settler died before moving the batch on is found by the sweep', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const { session, claimed } = await claim();
    await session.settleProcessing(claimed, async () => OUTCOME);
    expect(await sheaf.services.work.stuck()).toEqual([id]);
    await advance(id);
    expect(await sheaf.services.work.stuck()).toEqual([]);
  });
});

describe('a batch that leaves processing by failing', () => {
  it('takes the leases of its unsettled chunks along: they settle nothing any more', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 2 });
    const { session, claimed } = await claim();
    const settling = session.settleProcessing(claimed, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${claimed.accountId}, ${'late'})`;
      await fail(id, REASON);
      return OUTCOME;
    });
    await expect(settling).rejects.toBeInstanceOf(LeaseLost);
    expect(await sheaf.sql`select from learners`).toHaveLength(0);
    expect(await sheaf.sql`select from chunks where lease is not null or status = 'running'`).toHaveLength(0);
    expect(await sheaf.batch(id)).toMatchObject({
      status: 'failed',
      failedFrom: 'processing',
      resultsReady: false,
    });
  });

  it('waits for a settling whose commit is under way, and counts it', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const { claimed } = await claim();
    const heldBack = gate();
    // The settling transaction, from its UPDATE to its commit.
    const committing = sheaf.sql.begin(async (tx) => {
      await tx`update chunks set status = 'settled', lease = null, succeeded = 10, part = 'parts/x'
        where batch_id = ${id} and lease = ${claimed.lease}`;
      await heldBack.wait();
    });
    await heldBack.arrived;
    let failed = false;
    const failing = fail(id, REASON).then(() => {
      failed = true;
    });
    while ((await sheaf.sql`select from pg_stat_activity where wait_event_type = 'Lock'`).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(failed).toBe(false);
    heldBack.open();
    await Promise.all([committing, failing]);
    expect((await sheaf.sql`select status, part from chunks`)[0]).toEqual({
      status: 'settled',
      part: 'parts/x',
    });
    expect((await sheaf.batch(id)).counts).toMatchObject({ succeeded: 10, unprocessed: 0 });
  });

  it('is failed once; a terminal batch cannot be failed', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    await fail(id, REASON);
    await fail(id, { ...REASON, message: 'again' });
    expect((await sheaf.batch(id)).statusReason?.message).toBe('for the test');
    const done = await addBatch(sheaf, { status: 'completed', chunks: 1 });
    await fail(done, REASON);
    expect(await status(done)).toBe('completed');
  });

  it('is left alone when what spoke against it is not true any more', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    expect(await failBatch(sql, id, REASON, async () => false)).toBe(false);
    expect(await sheaf.services.work.failExhausted(id, 1, REASON)).toBe(false);
    expect(await status(id)).toBe('processing');
    await sheaf.sql`update chunks set attempts = 1 where batch_id = ${id}`;
    expect(await sheaf.services.work.failExhausted(id, 1, REASON)).toBe(true);
    expect(await status(id)).toBe('failed');
  });

  it('and its work is given up in one: a worker that lost its lease fails nothing', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const { claimed } = await claim();
    const lease = { kind: 'chunk', batchId: id, number: 1, lease: claimed.lease } as const;
    const lost = { ...lease, lease: id };
    expect(await sheaf.services.work.giveUp(lost, REASON, { delaySeconds: 0 })).toBe(false);
    expect(await status(id)).toBe('processing');
    expect(await sheaf.services.work.giveUp(lease, REASON, { delaySeconds: 0 })).toBe(true);
    expect(await status(id)).toBe('failed');
  });
});
