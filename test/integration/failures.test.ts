import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What a batch tells of its failed records, and of how its cells were read: in chunks of three records. */

const held = heldOperation();
let sheaf: TestSheaf;
beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' }, { operations: [held.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const LONG = 'x'.repeat(21);
const skip = { operation: 'hold', on_invalid: 'skip' } as const;

describe('the failed records of a batch', () => {
  test('are counted by code, over all chunks and both phases', async () => {
    const ids = ['a1', LONG, 'bad', '', 'a5', LONG, 'a7', 'bad'];
    const batch = await sheaf.run(`id,note\n${ids.map((id) => `${id},n`).join('\n')}\n`, skip);
    expect(batch.counts).toMatchObject({ succeeded: 3, failed: 5 });
    expect(batch.failures.codes).toEqual({ too_long: 2, refused: 2, required: 1 });
    expect(batch.failures.first.map(({ record, code }) => [record, code])).toEqual([
      [2, 'too_long'],
      [3, 'refused'],
      [4, 'required'],
      [6, 'too_long'],
      [8, 'refused'],
    ]);
    expect(batch.failures.first[0]).toMatchObject({ column: 'id', field: 'id', value: LONG });
  });

  test('are shown up to ten, and all are counted', async () => {
    const batch = await sheaf.run(`id\n${Array(25).fill(LONG).join('\n')}\n`, { operation: 'hold' });
    expect(batch).toMatchObject({ status: 'validation_failed', failures: { codes: { too_long: 25 } } });
    expect(batch.failures.first.map(({ record }) => record)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('are told while the batch runs, and a record that was refused then is not told twice', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    held.before = async () => await gate;
    const id = await sheaf.submit(await sheaf.upload(`id\n${LONG}\nb2\nbad\nb4\n`), skip);
    await expect.poll(async () => (await sheaf.batch(id)).status, { timeout: 20_000 }).toBe('processing');
    expect((await sheaf.batch(id)).failures).toMatchObject({
      codes: { too_long: 1 },
      first: [{ record: 1, code: 'too_long' }],
    });
    // Whoever follows it looks every second: nothing is summed for that.
    const look = async () => (await sheaf.account.batches.look(id))?.failures;
    expect(await look()).toEqual({ codes: {}, first: [] });
    release();
    const { failures } = await sheaf.ended(id);
    expect(await look()).toEqual(failures);
    expect(failures.codes).toEqual({ too_long: 1, refused: 1 });
    expect(failures.first.map(({ record }) => record)).toEqual([1, 3]);
  });

  test('of repeated ids and of a file that is wrong as a whole too', async () => {
    const repeated = await sheaf.run('id,ref\nc1,r\nc2,s\nc3,t\nc4,r\n', {
      ...skip,
      custom_id: 'ref',
      dry_run: true,
    });
    expect(repeated.failures.codes).toEqual({ custom_id_repeated: 1 });
    expect(repeated.failures.first).toMatchObject([{ record: 4, code: 'custom_id_repeated' }]);

    const unclosed = await sheaf.run('id\nd1\n"d2\nd3\n', { operation: 'hold' });
    expect(unclosed).toMatchObject({ status: 'validation_failed', counts: { failed: 1, unprocessed: 1 } });
    expect(unclosed.failures).toMatchObject({
      codes: { file_unclosed_quote: 1 },
      first: [{ record: 2, code: 'file_unclosed_quote' }],
    });
  });

  test('of a batch without any are none', async () => {
    const batch = await sheaf.run('id\ne1\n', { operation: 'hold' });
    expect(batch.failures).toEqual({ codes: {}, first: [] });
  });
});

test('how cells were read is summed over the chunks, by column', async () => {
  const rows = Array.from({ length: 7 }, (_, n) => `f${n},${n === 3 ? '' : `${n},5`}`.split(','));
  const file = `learner_id;score;extra\n${rows.map(([id, whole, part]) => `${id};${whole ? `${whole},${part}` : ''};x`).join('\n')}\n`;
  const values = { format: { decimal: ',' as const } };
  const batch = await sheaf.run(file, { operation: 'create_learner', dry_run: true, ...values });
  expect(batch).toMatchObject({ status: 'completed', read: { format: 'csv', delimiter: ';' } });
  expect(batch.coerced).toEqual({ score: { number: 6, blank: 1 } });
});
