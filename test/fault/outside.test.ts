import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { heldCsv, heldIds } from '../support/held-operation.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { OutsideTarget } from '../support/outside-target.ts';
import { type Program, startProgram } from '../support/program.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * Workers that are killed while they call somebody else: every record ends with one result, whatever is sent again is sent
 * with its key, and so the other side does everything once.
 */

const SEED = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
const RECORDS = 600;
const KILLS = 5;
const SETTINGS = {
  SHEAF_CHUNK_RECORDS: '100',
  SHEAF_LEASE_SECONDS: '2',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_MAX_ATTEMPTS: '100',
  SHEAF_DRAIN_SECONDS: '2',
};

let target: OutsideTarget;
let sheaf: TestSheaf;
const running: Program[] = [];

beforeAll(async () => {
  target = await OutsideTarget.start();
  sheaf = await openTestSheaf(SETTINGS, { operations: [outsideOperation(target.url)] });
});
afterAll(async () => {
  await Promise.all(running.map((worker) => worker.kill()));
  await sheaf.close();
  await target.close();
});

async function startWorker(): Promise<void> {
  const environment = {
    TEST_LOCATIONS: JSON.stringify(sheaf.locations),
    TEST_TARGET: target.url,
    TEST_SETTINGS: JSON.stringify(SETTINGS),
  };
  running.push(await startProgram('test/support/outside-worker.ts', environment, /The worker is up/));
}

describe(`workers that are killed while they make calls (TEST_SEED=${SEED})`, () => {
  it('each record is done once on the other side, and has one result', async () => {
    const random = new SeededRandom(SEED);
    const ids = heldIds('k', RECORDS);
    target.answer = async ({ id, nth }) => {
      await sleep(random.integer(5, 40));
      if (id.endsWith('7') && nth === 1) return { status: 503, body: { afterSeconds: 0.1 } };
      return id.endsWith('99') ? { status: 422, body: {} } : null;
    };
    await Promise.all([startWorker(), startWorker()]);
    const id = await sheaf.submit(await sheaf.upload(heldCsv(ids)), { operation: 'send' });
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await target.asked(Math.round((kill * RECORDS) / (KILLS + 1)));
      const [worker] = running.splice(random.integer(0, 1), 1);
      // Who is told to stop has time to hand its work back, who is killed has not.
      await (kill === KILLS ? worker!.stop() : worker!.kill());
      await startWorker();
    }

    const batch = await sheaf.ended(id);
    const refused = RECORDS / 100;
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, succeeded: RECORDS - refused, failed: refused, unprocessed: 0 },
      failures: { codes: { refused } },
    });
    const lines = await sheaf.lines(batch);
    expect(lines.map(({ record }) => record)).toEqual(ids.map((_, index) => index + 1));
    for (const [index, line] of lines.entries()) {
      if (line.status === 'succeeded') expect(line.output).toEqual({ id: ids[index] });
      else expect(ids[index]).toMatch(/99$/);
    }
    const keys = target.keysById();
    expect([...keys.values()].filter((its) => its.size !== 1)).toEqual([]);
    expect([keys.size, target.done.size]).toEqual([RECORDS, RECORDS - refused]);
    const left = await sheaf.sql`select from record_journal`;
    expect(left).toHaveLength(0);
  }, 300_000);

  it('a cancel leaves nothing unprocessed that was done on the other side', async () => {
    const random = new SeededRandom(SEED);
    for (const round of [1, 2, 3]) {
      target.reset();
      target.answer = async ({ nth }) => {
        await sleep(random.integer(5, 60));
        const busy = nth === 1 && random.integer(0, 9) === 0;
        return busy ? { status: 503, body: { afterSeconds: 60 } } : null;
      };
      const ids = heldIds(`c${round}x`, RECORDS);
      const id = await sheaf.submit(await sheaf.upload(heldCsv(ids)), { operation: 'send' });
      await target.asked(random.integer(1, RECORDS / 2));
      await running.splice(random.integer(0, 1), 1)[0]!.kill();
      await Promise.all([changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' }), startWorker()]);
      const batch = await sheaf.ended(id);
      const sent = target.requests.length;
      const { total, succeeded, failed, unprocessed } = batch.counts;
      expect([batch.status, total, succeeded + failed + unprocessed]).toEqual([
        'cancelled',
        RECORDS,
        RECORDS,
      ]);
      expect(batch.failures.codes).toEqual(failed === 0 ? {} : { outcome_unknown: failed });
      const lines = await sheaf.lines(batch);
      expect(lines.map(({ record }) => record)).toEqual(ids.map((_, index) => index + 1));
      const done = new Set(target.done.values());
      for (const [index, line] of lines.entries()) {
        if (line.status === 'succeeded') expect(done).toContain(ids[index]);
        if (line.status === 'unprocessed') expect(done).not.toContain(ids[index]);
      }
      expect([...target.keysById().values()].filter((its) => its.size !== 1)).toEqual([]);
      process.stdout.write(
        `cancelled: ${succeeded} succeeded, ${failed} unknown, ${unprocessed} unprocessed\n`,
      );
      expect(target.requests).toHaveLength(sent);
    }
  }, 300_000);
});
