import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { heldCsv } from '../support/held-operation.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { OutsideTarget } from '../support/outside-target.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

let target: OutsideTarget;
let sheaf: TestSheaf;

beforeAll(async () => {
  target = await OutsideTarget.start();
  const operation = outsideOperation(target.url, { limits: { attempts: 1, concurrency: 1 } });
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' }, { operations: [operation] });
  await sheaf.startWorkers();
});
afterAll(async () => {
  await sheaf.close();
  await target.close();
});
beforeEach(() => target.reset());

const run = (ids: readonly string[]) => sheaf.run(heldCsv(ids), { operation: 'send' });
const retried = async (id: string, records: 'failed' | 'both' | 'unprocessed' = 'failed') =>
  await sheaf.ended((await retryBatch(sheaf.engine, sheaf.caller, id, { records })).id);
const keysOf = (id: string) => target.requests.filter((request) => request.id === id).map(({ key }) => key);

describe('the key of a record that is retried', () => {
  it('stays while no answer was definite, and is another one after each that was', async () => {
    // No answer, a refusal, a refusal, no answer, and at last it is done.
    const answers = [500, 422, 422, 500];
    target.answer = async ({ id, nth }) => {
      const status = id === 'x' ? answers[nth - 1] : undefined;
      return status === undefined ? null : { status };
    };
    let batch = await run(['w', 'x', 'y']);
    for (const _ of answers) batch = await retried(batch.id);
    expect(batch.counts).toMatchObject({ total: 1, succeeded: 1 });
    const [first, second, third, fourth, fifth] = keysOf('x');
    expect(second).toBe(first);
    expect(third).not.toBe(second);
    expect(fourth).not.toBe(third);
    expect(fifth).toBe(fourth);
    expect(new Set([first, third, fourth]).size).toBe(3);
  });

  it('is not taken twice when the same batch is retried twice', async () => {
    target.answer = async ({ id }) => (id === 'z' ? { status: 422 } : null);
    const batch = await run(['z']);
    await retried(batch.id);
    await retried(batch.id);
    expect(new Set(keysOf('z')).size).toBe(3);
  });

  it('is the same when it was never sent', async () => {
    let sent = 0;
    const stopped = new Promise<void>((resolve) => {
      target.answer = async () => {
        sent += 1;
        if (sent === 2) resolve();
        return null;
      };
    });
    const ids = Array.from({ length: 60 }, (_, n) => `k${n}`);
    const id = await sheaf.submit(await sheaf.upload(heldCsv(ids)), { operation: 'send' });
    await stopped;
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    const batch = await sheaf.ended(id);
    expect(batch.status).toBe('cancelled');
    const again = await retried(id, 'both');
    expect(again.counts.succeeded).toBe(again.counts.total);
    for (const keys of target.keysById().values()) expect(keys.size).toBe(1);
    expect([...target.done.values()].sort()).toEqual([...ids].sort());
  });
});
