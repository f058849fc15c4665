import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkObjects } from '../../src/engine/check/check-objects.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import { batchPrefix } from '../../src/engine/keys.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What the results of a batch are made of is gone when they are to be written: it ends all the same. */

const ATTEMPTS = 2;

const held = heldOperation();
let sheaf: TestSheaf;
/** Told of a batch each time when its results begin to be written. */
let befalls: (id: string) => Promise<void>;
/** How often that was. */
let times: number;

beforeAll(async () => {
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '2', SHEAF_MAX_ATTEMPTS: String(ATTEMPTS), SHEAF_SWEEP_SECONDS: '1' },
    { operations: [held.operation] },
  );
  const { work } = sheaf.services;
  const chunkLines = work.chunkLines;
  work.chunkLines = async function* (batchId) {
    times += 1;
    await befalls(batchId);
    yield* chunkLines(batchId);
  };
  await sheaf.startWorkers();
});
afterAll(() => sheaf?.close());
beforeEach(() => {
  held.reset();
  times = 0;
});

const loseAll = async (id: string) => void (await sheaf.services.objects.removeAll(batchPrefix(id)));
const losePartsOf = (phase: string) => async (id: string) =>
  void (await sheaf.services.objects.removeAll(`${batchPrefix(id)}parts/${phase}/`));

/** Six records in three chunks; in the last of them `then` happens, which keeps it from settling. */
async function stoppedInTheLast(prefix: string, then: (id: string) => Promise<unknown>): Promise<string> {
  let id = '';
  held.before = async ({ records }) => {
    if (records.includes(5)) await then(id);
  };
  const handler = await sheaf.upload(heldCsv([...heldIds(prefix, 3), 'bad', ...heldIds(`${prefix}x`, 2)]));
  id = await sheaf.submit(handler, { operation: 'hold', execution: 'serial', on_invalid: 'skip' });
  return id;
}
const cancel = (id: string) => sheaf.account.batches.change(id, { status: 'cancel' });

async function expired(id: string): Promise<BatchRow> {
  for (;;) {
    const batch = await sheaf.batch(id);
    if (batch.expired && batch.results !== null) return batch;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a batch that is being cancelled and has lost its parts', () => {
  it('is cancelled and has expired, with the counts of its rows; but only after as many looks as attempts', async () => {
    befalls = loseAll;
    const batch = await expired(await stoppedInTheLast('a', cancel));
    expect(batch).toMatchObject({ status: 'cancelled', resultsReady: false });
    expect(batch.counts).toEqual({ total: 6, succeeded: 3, failed: 1, skipped: 0, unprocessed: 2 });
    expect(times).toBe(ATTEMPTS);
  });

  it('is told as left to the workers, and they see to it', async () => {
    const found: unknown[] = [];
    befalls = async (id) => {
      await loseAll(id);
      if (found.length > 0) return;
      const engine = { objects: sheaf.services.objects, keeping: sheaf.services.keeping };
      await checkObjects(engine, { fix: false, marginSeconds: 0 }, (finding) => found.push(finding));
    };
    const id = await stoppedInTheLast('b', cancel);
    await expired(id);
    expect(found).toMatchObject([{ batch: id, status: 'cancelling', inputs: 1, parts: 2 }]);
  });

  it('has its results if they are there again when it is looked for once more', async () => {
    const { objects } = sheaf.services;
    const hidden = new Map<string, Buffer>();
    befalls = async (id) => {
      for (const key of await sheaf.keys(`${batchPrefix(id)}parts/process/`)) {
        hidden.set(key, await sheaf.object(key));
        if (times === 1) await objects.remove(key);
      }
      if (times > 1) for (const [key, bytes] of hidden) await objects.put(key, bytes);
    };
    const batch = await sheaf.ended(await stoppedInTheLast('c', cancel));
    expect(batch).toMatchObject({ status: 'cancelled', expired: false, resultsReady: true });
    // That of the chunk that was stopped may be there too.
    expect(hidden.size).toBeGreaterThanOrEqual(2);
    expect(await sheaf.lines(batch)).toHaveLength(6);
  });

  it('is deleted when that is asked for', async () => {
    befalls = loseAll;
    const id = await stoppedInTheLast('d', (it) => deleteBatch(sheaf.engine, it));
    while ((await sheaf.account.batches.find(id)) !== null)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await sheaf.keys(batchPrefix(id))).toEqual([]);
  });
});

describe('a batch that can fail and has lost its parts', () => {
  const long = 'x'.repeat(21);

  it.each([
    ['writing_results', 'process', heldIds('e', 4), { total: 4, succeeded: 4, failed: 0, unprocessed: 0 }],
    ['validating', 'validate', ['f1', long, 'f2'], { total: 3, succeeded: 0, failed: 1, unprocessed: 2 }],
  ])('in %s fails for that, and expires, with the counts of its rows', async (status, phase, ids, counts) => {
    befalls = losePartsOf(phase);
    const batch = await expired(await sheaf.submit(await sheaf.upload(heldCsv(ids)), { operation: 'hold' }));
    expect(batch).toMatchObject({
      status: 'failed',
      failedFrom: status,
      statusReason: {
        code: 'input_gone',
        message: expect.stringMatching(/^the results of chunk 1 of batch /),
      },
      counts: { ...counts, skipped: 0 },
    });
    // Once in the status that it failed in, and then as often as any step is tried.
    expect(times).toBe(1 + ATTEMPTS);
  });
});
