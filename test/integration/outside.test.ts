import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { succeeded, tryAgain } from '../../src/core/result.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds } from '../support/held-operation.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { OutsideTarget } from '../support/outside-target.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Writes learners; one of them has to wait for an hour. */
const writeOperation = defineOperation({
  name: 'write',
  version: 1,
  title: 'Write',
  description: 'Writes a row for each record but one.',
  input: Type.Object({ id: Type.String() }, { additionalProperties: false }),
  output: Type.Object({ id: Type.String() }, { additionalProperties: false }),
  failures: { busy: 'It has to wait' },
  run: async (records, { sql, accountId }) => {
    const ids = records.map(({ input }) => input.id).filter((id) => id !== 'wait');
    await sql`
      insert into learners (account_id, learner_id) select ${accountId}::uuid, id from unnest(${ids}::text[]) as v(id)`;
    return records.map(({ input }) =>
      input.id === 'wait' ? tryAgain('busy', 'waits', { afterSeconds: 3600 }) : succeeded(input),
    );
  },
});

let target: OutsideTarget;
let sheaf: TestSheaf;

beforeAll(async () => {
  target = await OutsideTarget.start();
  const send = (name: string, limits = {}) => outsideOperation(target.url, { name, limits });
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '5', SHEAF_DRAIN_SECONDS: '1' },
    {
      operations: [
        send('send'),
        send('send_twice', { attempts: 2 }),
        send('send_quickly', { timeoutSeconds: 2 }),
        send('send_in_groups', { callRecords: 3 }),
        send('send_few', { concurrency: 3 }),
        writeOperation,
      ],
    },
  );
});
afterAll(async () => {
  await sheaf.close();
  await target.close();
});
beforeEach(() => target.reset());

const cancel = (id: string) => changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
const resume = (id: string) => changeBatch(sheaf.engine, sheaf.caller, id, { status: 'resume' });
const submit = async (ids: readonly string[], options = {}) =>
  await sheaf.submit(await sheaf.upload(heldCsv(ids)), { operation: 'send', ...options });
const run = async (ids: readonly string[], options = {}) => await sheaf.ended(await submit(ids, options));

const told = async (batch: BatchRow) =>
  (await sheaf.lines(batch)).map((line) =>
    line.status === 'failed' ? line.error.code : line.status === 'succeeded' ? 'ok' : line.status,
  );
const attempts = async (batch: BatchRow) =>
  (await sheaf.lines(batch)).map((line) => ('attempts' in line ? line.attempts : null));

/** However slow the machine is. */
const PATIENT = { timeout: 60_000 };

const journal = async (batchId: string) =>
  await sheaf.sql`
    select record::int, state, attempts, uncertain from record_journal where batch_id = ${batchId} order by record`;

const finals = async (batchId: string) =>
  (await journal(batchId)).filter(({ state }) => state === 'final').length;

/** Each record was sent with one key, whoever sent it and however often, and no two with the same. */
function expectOneKeyEach(ids: readonly string[]): void {
  const keys = target.keysById();
  expect([...keys.keys()].sort()).toEqual([...ids].sort());
  expect([...keys.values()].map((its) => its.size)).toEqual(ids.map(() => 1));
  expect(new Set([...keys.values()].flatMap((its) => [...its])).size).toBe(ids.length);
}

const refuse = (...ids: string[]) => {
  target.answer = async ({ id }) => (ids.includes(id) ? { status: 422, body: {} } : null);
};

describe('an operation with effects outside', () => {
  let workers: { stop(): Promise<void> };
  beforeAll(async () => {
    workers = await sheaf.startWorkers();
  });
  afterAll(() => workers.stop());

  it('answers each record, sends the good ones once, and leaves no journal', async () => {
    const ids = heldIds('a', 12);
    refuse('a3', 'a12');
    const batch = await run([...ids, 'x'.repeat(21)], { on_invalid: 'skip' });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: 13, succeeded: 10, failed: 3, unprocessed: 0 },
      failures: { codes: { refused: 2, too_long: 1 } },
    });
    const lines = await sheaf.lines(batch);
    expect(lines.map(({ record }) => record)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(lines[2]).toMatchObject({ error: { code: 'refused', field: 'id', column: 'id' }, attempts: 1 });
    expect(lines[0]).toEqual({ record: 1, status: 'succeeded', output: { id: 'a1' }, attempts: 1 });
    expect(target.requests).toHaveLength(12);
    expectOneKeyEach(ids);
    expect(await journal(batch.id)).toEqual([]);
  });

  it('is given several records at a time where it takes them', async () => {
    const batch = await run(heldIds('g', 7), { operation: 'send_in_groups' });
    expect(await told(batch)).toEqual(Array(7).fill('ok'));
    expectOneKeyEach(heldIds('g', 7));
  });

  it('makes no more calls at once than its limit, over all chunks', async () => {
    target.answer = async () => {
      await sleep(30);
      return null;
    };
    const batch = await run(heldIds('few', 20), { operation: 'send_few' });
    expect(batch.counts).toMatchObject({ succeeded: 20 });
    expect(target.most).toBeLessThanOrEqual(3);
    expectOneKeyEach(heldIds('few', 20));
  });

  it('tries again what asks for it, with the same key', async () => {
    target.answer = async ({ id, nth }) =>
      id === 't2' && nth < 3 ? { status: 503, body: { afterSeconds: 0.05 } } : null;
    const batch = await run(heldIds('t', 3));
    expect(await told(batch)).toEqual(['ok', 'ok', 'ok']);
    expect(await attempts(batch)).toEqual([1, 3, 1]);
    expectOneKeyEach(heldIds('t', 3));
  });

  it('gives a chunk back whose records wait for long, and sends no other again', async () => {
    target.answer = async ({ id, nth }) =>
      id === 'w4' && nth === 1 ? { status: 503, body: { afterSeconds: 3600 } } : null;
    const id = await submit(heldIds('w', 6));
    const paused = async () => {
      const [chunk] = await sheaf.sql`
        select attempts from chunks
        where batch_id = ${id} and number = 1 and status = 'waiting' and available_at > now() + interval '30 minutes'`;
      return chunk;
    };
    await expect.poll(paused, PATIENT).toEqual({ attempts: 0 });
    const first = (await journal(id)).filter(({ record }) => record <= 5);
    expect(first.map(({ state }) => state)).toEqual(['final', 'final', 'final', 'waiting', 'final']);
    await sheaf.sql`update record_journal set due_at = now() where batch_id = ${id}`;
    await sheaf.sql`update chunks set available_at = now() where batch_id = ${id}`;
    const batch = await sheaf.ended(id);
    expect(await told(batch)).toEqual(Array(6).fill('ok'));
    expect(await attempts(batch)).toEqual([1, 1, 1, 2, 1, 1]);
    expect(target.requests).toHaveLength(7);
    expectOneKeyEach(heldIds('w', 6));
  });

  it('fails a record that was tried as often as allowed, as unknown if a try may have taken effect', async () => {
    target.answer = async ({ id, nth }) => {
      const uncertain = id === 'e2' ? nth === 1 : id === 'e3';
      return id === 'e4' ? null : { status: 503, body: { afterSeconds: 0, uncertain } };
    };
    const batch = await run(heldIds('e', 4), { operation: 'send_twice' });
    expect(await told(batch)).toEqual(['busy', 'outcome_unknown', 'outcome_unknown', 'ok']);
    expect(await attempts(batch)).toEqual([2, 2, 2, 1]);
    expect(batch.failures.codes).toEqual({ outcome_unknown: 2, busy: 1 });
  });

  it('takes a call that throws, and one that takes too long, for unknown, and asks again', async () => {
    const held = gate();
    target.answer = async ({ id, nth }) => {
      if (id === 'n1' && nth === 1) return { status: 500, body: {} };
      if (id === 'n2' && nth === 1) await held.wait();
      return null;
    };
    const batch = await run(heldIds('n', 3), { operation: 'send_quickly' });
    held.open();
    expect(await told(batch)).toEqual(['ok', 'ok', 'ok']);
    expect((await attempts(batch)).slice(0, 2)).toEqual([2, 2]);
    expectOneKeyEach(heldIds('n', 3));
  });

  it('tells of an output that is not as described: what was done stays done', async () => {
    target.answer = async ({ id }) => (id === 'o2' ? { status: 200, body: { id: 7 } } : null);
    const batch = await run(heldIds('o', 3));
    expect(await told(batch)).toEqual(['ok', 'output_invalid', 'ok']);
    expect(target.requests).toHaveLength(3);
  });

  it('that breaks its contract with what no JSON of the database holds ends the batch all the same', async () => {
    const code = `\0\ud800${'x'.repeat(5000)}`;
    target.answer = async () => ({ status: 422, body: { code } });
    const failed = await run(heldIds('n', 1));
    expect(failed).toMatchObject({ status: 'failed', statusReason: { code: 'handler_broken' } });
    expect(failed.statusReason!.message).toMatch(
      /with the code \ufffd\ufffdx{98}…, which it does not declare$/,
    );
  });

  it('that breaks its contract ends the batch; what was sent is unknown, and resumed it goes on from there', async () => {
    let broken = true;
    target.answer = async ({ id }) => {
      if (id === 'b3' && broken) return { status: 422, body: { code: 'never_declared' } };
      return null;
    };
    const failed = await run(heldIds('b', 8), { execution: 'serial', results_format: ['ndjson', 'csv'] });
    expect(failed).toMatchObject({ status: 'failed', statusReason: { code: 'handler_broken' } });
    const lines = await told(failed);
    expect(lines[2]).toBe('outcome_unknown');
    // The others of its chunk were out with it, and are waited for.
    expect(lines).toEqual(['ok', 'ok', 'outcome_unknown', 'ok', 'ok', ...Array(3).fill('unprocessed')]);
    expect(failed).toMatchObject({
      counts: { total: 8, succeeded: 4, failed: 1, unprocessed: 3 },
      failures: { codes: { outcome_unknown: 1 }, first: [{ record: 3, code: 'outcome_unknown' }] },
    });
    const csv = failed.results!.find(({ kind, format }) => kind === 'unprocessed' && format === 'csv')!;
    expect(csv.records).toBe(3);
    expect((await sheaf.object(csv.key)).toString()).toContain('b6,,\r\nb7,,\r\nb8,,\r\n');

    broken = false;
    const sent = target.requests.length;
    await resume(failed.id);
    const batch = await sheaf.ended(failed.id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 8, succeeded: 8 } });
    expect(target.requests.slice(sent).map(({ id }) => id)).toEqual(['b3', 'b6', 'b7', 'b8']);
    expect(await attempts(batch)).toEqual([1, 1, 2, 1, 1, 1, 1, 1]);
    expectOneKeyEach(heldIds('b', 8));
  });

  it('stops at the limit of failures, also before a chunk is settled that waits', async () => {
    target.answer = async ({ id }) =>
      id === 'f3' ? { status: 503, body: { afterSeconds: 3600 } } : { status: 422, body: {} };
    const batch = await run(heldIds('f', 7), { execution: 'serial', stop_after: { failures: 4 } });
    expect(batch).toMatchObject({
      status: 'failed',
      statusReason: { code: 'failure_limit' },
      counts: { total: 7, succeeded: 0, failed: 4, unprocessed: 3 },
      failures: { codes: { refused: 4 } },
    });
  });

  describe('that is cancelled', () => {
    it('begins no call any more; what is out is waited for, and what tells nothing is unknown', async () => {
      const [soon, never] = [gate(), gate()];
      target.answer = async ({ id }) => {
        if (id === 'c2') await soon.wait();
        if (id === 'c4') await never.wait();
        return id === 'c3' ? { status: 503, body: { afterSeconds: 3600, uncertain: true } } : null;
      };
      // The chunk that follows has not begun.
      const ids = heldIds('c', 7);
      const id = await submit(ids, { execution: 'serial', results_format: ['ndjson', 'csv', 'xlsx'] });
      await Promise.all([soon.arrived, never.arrived, target.asked(5)]);
      await expect.poll(() => finals(id), PATIENT).toBe(2);
      await cancel(id);
      soon.open();
      const batch = await sheaf.ended(id);
      const requests = target.requests.length;
      expect(batch).toMatchObject({
        status: 'cancelled',
        counts: { total: 7, succeeded: 3, failed: 2, skipped: 0, unprocessed: 2 },
        failures: { codes: { outcome_unknown: 2 } },
      });
      expect(batch.failures.first.map(({ record }) => record)).toEqual([3, 4]);
      expect(await told(batch)).toEqual([
        'ok',
        'ok',
        'outcome_unknown',
        'outcome_unknown',
        'ok',
        'unprocessed',
        'unprocessed',
      ]);
      never.open();
      await sleep(200);
      expect(target.requests).toHaveLength(requests);
      expectOneKeyEach(ids.slice(0, 5));
    });

    it('leaves what waits to be tried again unprocessed, if no try of it has taken effect', async () => {
      target.answer = async ({ id }) => (id === 'u2' ? { status: 503, body: { afterSeconds: 3600 } } : null);
      const id = await submit(heldIds('u', 3), { custom_id: 'id' });
      await expect
        .poll(async () => (await journal(id)).map(({ state }) => state), PATIENT)
        .toEqual(['final', 'waiting', 'final']);
      // What has its result counts before its chunk is settled.
      expect(await sheaf.batch(id)).toMatchObject({
        counts: { total: 3, succeeded: 2, failed: 0, unprocessed: 1 },
        phase: { settled: 2 },
      });
      await cancel(id);
      const batch = await sheaf.ended(id);
      expect(batch.counts).toMatchObject({ succeeded: 2, failed: 0, unprocessed: 1 });
      expect(await sheaf.lines(batch)).toEqual([
        { record: 1, custom_id: 'u1', status: 'succeeded', output: { id: 'u1' }, attempts: 1 },
        { record: 2, custom_id: 'u2', status: 'unprocessed' },
        { record: 3, custom_id: 'u3', status: 'succeeded', output: { id: 'u3' }, attempts: 1 },
      ]);
      expect(batch.results!.find(({ kind }) => kind === 'unprocessed')?.records).toBe(1);
    });
  });
});

describe('an operation in a transaction whose record waits', () => {
  it('is cancelled: what was committed before has its result, the record that waits is unprocessed', async () => {
    const workers = await sheaf.startWorkers();
    const id = await submit(['ok1', 'wait', 'ok2'], { operation: 'write' });
    const states = async () => (await journal(id)).map(({ state }) => state);
    await expect.poll(states, PATIENT).toEqual(['final', 'waiting', 'final']);
    await cancel(id);
    const batch = await sheaf.ended(id);
    expect(batch.counts).toMatchObject({ succeeded: 2, failed: 0, unprocessed: 1 });
    expect(await told(batch)).toEqual(['ok', 'unprocessed', 'ok']);
    const written = await sheaf.sql`
      select learner_id as id from learners where learner_id in ('ok1', 'wait', 'ok2') order by 1`;
    expect(written.map((row) => row.id)).toEqual(['ok1', 'ok2']);
    await workers.stop();
  });
});

describe('with workers that come and go', () => {
  const running: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((workers) => workers.stop()));
  });

  /** As the sweep does once nobody has renewed a lease. */
  async function takeAway(batchId: string): Promise<void> {
    await sheaf.sql`
      update chunks set lease_expires_at = now() - interval '1 second'
      where batch_id = ${batchId} and status = 'running'`;
    expect(await sheaf.services.work.reclaimExpired()).toBeGreaterThan(0);
  }

  it('a chunk that is taken over in the middle is gone on with: what was out is sent again with its key', async () => {
    const held = gate();
    const ids = heldIds('l', 5);
    target.answer = async ({ id, nth }) => {
      if (nth === 1 && (id === 'l2' || id === 'l4')) await held.wait();
      return null;
    };
    running.push(await sheaf.startWorkersApart());
    const id = await submit(ids);
    await held.arrived;
    await expect.poll(() => finals(id), PATIENT).toBe(3);
    await takeAway(id);
    running.push(await sheaf.startWorkersApart());
    const batch = await sheaf.ended(id);
    held.open();
    expect(await told(batch)).toEqual(Array(5).fill('ok'));
    expect(await attempts(batch)).toEqual([1, 2, 1, 2, 1]);
    expect(target.requests).toHaveLength(7);
    expect(target.done.size).toBe(5);
    expectOneKeyEach(ids);
  });

  it('a database session that is lost costs no outcome: nothing is sent again', async () => {
    const held = gate();
    target.answer = async ({ id }) => {
      if (id === 'p3') await held.wait();
      return null;
    };
    running.push(await sheaf.startWorkersApart());
    const id = await submit(heldIds('p', 5));
    await expect.poll(() => finals(id), PATIENT).toBe(4);
    await sheaf.sql`
      select pg_terminate_backend(lease_pid, 5000) from chunks where batch_id = ${id} and lease_pid is not null`;
    held.open();
    const batch = await sheaf.ended(id);
    expect(await told(batch)).toEqual(Array(5).fill('ok'));
    expect(await attempts(batch)).toEqual(Array(5).fill(1));
    expect(target.requests).toHaveLength(5);
  });

  it('two workers share a batch, and each record is sent once', async () => {
    target.answer = async () => {
      await sleep(5);
      return null;
    };
    running.push(await sheaf.startWorkersApart(), await sheaf.startWorkersApart());
    const ids = heldIds('s', 60);
    const batch = await run(ids);
    expect(batch.counts).toMatchObject({ succeeded: 60 });
    expect(target.requests).toHaveLength(60);
    expectOneKeyEach(ids);
  });

  it('a worker that is told to stop begins no call any more, and its chunk goes on elsewhere', async () => {
    const held = gate();
    target.answer = async ({ id, nth }) => {
      if (id === 'd1' && nth === 1) await held.wait();
      return null;
    };
    const workers = await sheaf.startWorkersApart();
    const ids = heldIds('d', 5);
    const id = await submit(ids);
    await held.arrived;
    await expect.poll(() => finals(id), PATIENT).toBe(4);
    await workers.stop();
    expect(await journal(id)).toMatchObject([{ state: 'started' }, ...Array(4).fill({ state: 'final' })]);
    running.push(await sheaf.startWorkersApart());
    const batch = await sheaf.ended(id);
    held.open();
    expect(await attempts(batch)).toEqual([2, 1, 1, 1, 1]);
    expectOneKeyEach(ids);
  });

  it('a batch that is deleted takes its journal with it', async () => {
    target.answer = async () => ({ status: 503, body: { afterSeconds: 3600 } });
    running.push(await sheaf.startWorkersApart());
    const id = await submit(heldIds('del', 2));
    await expect.poll(async () => (await journal(id)).length, PATIENT).toBe(2);
    await sheaf.account.batches.requestDeletion(id);
    const isThere = async () => (await sheaf.sql`select from chunks where batch_id = ${id}`).length > 0;
    while (await isThere()) {
      await sheaf.emptyQueue();
      await sleep(100);
    }
    expect(await journal(id)).toEqual([]);
  });
});
