import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PermanentFault, RetryableFault } from '../../src/core/errors.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { batchPrefix } from '../../src/engine/keys.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { tidyBatches } from '../../src/engine/tidy-batches.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { leaveBehind, unfinishedUploads } from '../support/left-behind.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What workers that died have left of batches goes when these have ended; and nothing else. */

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

beforeEach(() => held.reset());

const run = (prefix: string, options = {}) =>
  sheaf.run(heldCsv([...heldIds(prefix, 4), 'bad']), { operation: 'hold', on_invalid: 'skip', ...options });
const keys = (id: string) => sheaf.keys(batchPrefix(id));
const tidy = () => tidyBatches(sheaf.services);
const row = async (id: string) => {
  const [found] = await sheaf.sql<{ tidied: boolean; storedBytes: number }[]>`
    select tidied_at is not null as tidied, stored_bytes as "storedBytes" from batches where id = ${id}`;
  return found!;
};
/** As if it had ended two hours before it did. */
const age = (id: string) =>
  sheaf.sql`update batches set results_at = results_at - interval '2 hours' where id = ${id}`;

describe('a batch that has ended', () => {
  it('keeps what its rows name, and loses the rest; not before the last lease is long over', async () => {
    const batch = await run('tidy');
    const named = await keys(batch.id);
    const left = await leaveBehind(sheaf, batch.id);
    await tidy();
    expect([await keys(batch.id), (await row(batch.id)).tidied]).toEqual([[...named, ...left].sort(), false]);

    await age(batch.id);
    await tidy();
    expect(await keys(batch.id)).toEqual(named);
    expect(await unfinishedUploads(sheaf, batchPrefix(batch.id))).toEqual([]);
    const storedBytes = await sheaf.services.objects.bytesOf(batchPrefix(batch.id));
    expect(await row(batch.id)).toEqual({ tidied: true, storedBytes });
    expect(await sheaf.lines(batch)).toHaveLength(5);
  });

  it('of a file that was converted keeps what it was converted to, and can be retried', async () => {
    const parent = await sheaf.run(gzipSync(heldCsv(['conv1', 'bad'])), { operation: 'hold' });
    expect(await sheaf.keys(`${batchPrefix(parent.id)}input/`)).toHaveLength(1);
    await age(parent.id);
    await tidy();
    expect(await sheaf.keys(`${batchPrefix(parent.id)}input/`)).toEqual([]);
    const { id } = await retryBatch(sheaf.engine, sheaf.caller, parent.id, {});
    expect(await sheaf.ended(id)).toMatchObject({ status: 'completed', counts: { total: 1, failed: 1 } });
  });

  it('and is resumed is tidied up again when it ends once more', async () => {
    held.before = async ({ records }) => {
      if (records[0] === 3) throw new PermanentFault('handler_broken', 'broken for the test');
    };
    const { id } = await run('again', { execution: 'serial' });
    await age(id);
    await tidy();
    expect((await row(id)).tidied).toBe(true);
    held.reset();
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'resume' });
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 5, succeeded: 4, failed: 1 } });
    // Of the files that told of the failure too.
    await age(id);
    await tidy();
    const results = batch.results!.map(({ key }) => key).sort();
    expect(await sheaf.keys(`${batchPrefix(id)}results/`)).toEqual(results);
    expect(await sheaf.lines(batch)).toHaveLength(5);
  });

  it('is gone on with where the sweep before had to stop', async () => {
    const { id } = await run('large');
    const left = await leaveBehind(sheaf, id);
    await age(id);
    const after = left[2]!;
    sheaf.services.tidying.set(id, { after, bytes: 1000 });
    await tidy();
    const kept = await keys(id);
    expect(left.filter((key) => kept.includes(key))).toEqual(left.slice(0, 3));
    let bytes = 1000;
    for (const key of kept.filter((key) => key > after)) bytes += (await sheaf.object(key)).length;
    expect(await row(id)).toEqual({ tidied: true, storedBytes: bytes });
    expect(sheaf.services.tidying.has(id)).toBe(false);
  });

  it('waits for a store that is away, and for one that dies half through', async () => {
    const { id } = await run('away');
    const named = await keys(id);
    await leaveBehind(sheaf, id);
    await age(id);
    const away = async () => Promise.reject(new RetryableFault('away for the test'));
    const { services } = sheaf;
    const engine = { ...services, objects: { ...services.objects, removeListed: away } };
    await expect(tidyBatches(engine)).rejects.toBeInstanceOf(RetryableFault);
    expect((await row(id)).tidied).toBe(false);
    await Promise.all([tidy(), tidy()]);
    expect([await keys(id), (await row(id)).tidied]).toEqual([named, true]);
  });
});
