import { afterAll, beforeAll, expect, it } from 'vitest';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import { heldCsv, heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, sha256, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
const other = heldOperation('hold_other');
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({}, { operations: [held.operation, other.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const run = (file: string, options = {}) => sheaf.run(file, { operation: 'hold', ...options });
const submit = async (file: string, options = {}) =>
  await sheaf.submit(await sheaf.upload(file), { operation: 'hold', ...options });
const WARN = { on_duplicate_file: 'warn' } as const;
const REFUSE = { on_duplicate_file: 'refuse' } as const;
/** Whatever they are made of, its records fail: so they can be processed any number of times. */
const fileOf = (name: string) => `id,name\nbad,${name}\n`;

it('is allowed, and nothing is said of it, unless it is asked for', async () => {
  await run(fileOf('a'));
  expect(await run(fileOf('a'))).toMatchObject({ status: 'completed', duplicateOf: null });
});

it('is warned of', async () => {
  const first = await run(fileOf('w'), WARN);
  expect(first.duplicateOf).toBeNull();
  expect(await run(fileOf('w'), WARN)).toMatchObject({ status: 'completed', duplicateOf: first.id });
  expect((await run(fileOf('w'), { ...WARN, operation: 'hold_other' })).duplicateOf).toBeNull();
  expect((await run(`${fileOf('w')}bad,w\n`, WARN)).duplicateOf).toBeNull();
});

it('is refused at once where the hash is stated', async () => {
  const first = await run(fileOf('h'));
  const hash = sha256(fileOf('h'));
  const asked = submit(fileOf('h'), { ...REFUSE, hash });
  await expect(asked).rejects.toMatchObject({ code: 'duplicate_file' });
  await expect(asked).rejects.toThrow(first.id);
});

it('is refused when it is read, where the hash is not stated, and nothing is processed', async () => {
  const first = await run(heldCsv(['once']));
  held.reset();
  const batch = await run(heldCsv(['once']), REFUSE);
  expect(batch).toMatchObject({
    status: 'failed',
    statusReason: { code: 'duplicate_file' },
    counts: { total: null, succeeded: 0 },
  });
  expect(batch.statusReason?.message).toContain(first.id);
  expect(held.calls).toEqual([]);
  // It never had its copy: the next one is told of the first again, and its upload can still be used.
  expect((await run(heldCsv(['once']), REFUSE)).statusReason?.message).toContain(first.id);
  expect(await sheaf.submit(batch.uploadId, { operation: 'hold_other' })).toBeDefined();
});

it('leaves one of any number at once', async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => submit(fileOf('race'), REFUSE)));
  const ended = await Promise.all(ids.map((id) => sheaf.ended(id)));
  const statuses = ended.map(({ status }) => status).sort();
  expect(statuses).toEqual(['completed', 'failed', 'failed', 'failed', 'failed', 'failed']);
});

it('is none of a dry run, of a batch with another hash than was stated, or of a deleted one', async () => {
  await run(fileOf('d'), { dry_run: true });
  const wrong = await run(fileOf('d'), { hash: sha256('something else') });
  expect(wrong.status).toBe('hash_mismatch');
  const first = await run(fileOf('d'), REFUSE);
  expect(first.status).toBe('completed');
  await deleteBatch(sheaf.engine, first.id);
  expect((await run(fileOf('d'), REFUSE)).status).toBe('completed');
});
