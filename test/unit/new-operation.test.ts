import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** `npx sheaf` as somebody calls it, from a folder of their own. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheaf new-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function sheaf(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [`${ROOT}bin/sheaf.mjs`, ...args],
      { cwd: folder },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

test('writes an operation that loads, and says how to try it', async () => {
  const { code, out, err } = await sheaf('new-operation', 'give_money');
  expect([code, err]).toEqual([0, '']);
  const file = join(folder, 'operations', 'give-money.ts');
  expect(out).toContain(`SHEAF_OPERATIONS='${file}' npm start`);
  expect(out).toContain('/operations/give_money');
  expect(out).toMatch(/curl -s .*-d '\{"email"/s);

  const { operationStarter } = await import('../../src/cli/operation-starter.ts');
  expect(await readFile(file, 'utf8')).toBe(operationStarter('give_money'));
  const loader = execFile(
    process.execPath,
    [
      '--import',
      'tsx',
      `${ROOT}test/support/load-operations.mjs`,
      `${ROOT}src/own-operations/load-operations.ts`,
    ],
    { cwd: ROOT },
  );
  loader.stdin?.end(`${JSON.stringify({ entries: ['operations'], folder })}\n`);
  const told: string[] = [];
  for await (const text of loader.stdout!) told.push(String(text));
  expect(JSON.parse(told.join(''))).toEqual({ operations: ['give_money 1'] });
});

test('never writes over a file', async () => {
  await writeFile(join(folder, 'mine.ts'), 'mine');
  const { code, err } = await sheaf('new-operation', 'mine', '--directory', '.');
  expect([code, err]).toEqual([
    1,
    'sheaf: mine.ts is there already; choose another name, or remove it first\n',
  ]);
  expect(await readFile(join(folder, 'mine.ts'), 'utf8')).toBe('mine');
});

test('a folder that cannot be made is told', async () => {
  await writeFile(join(folder, 'a-file'), '');
  const { code, err } = await sheaf('new-operation', 'other', '--directory', 'a-file/sub');
  expect(code).toBe(1);
  expect(err).toMatch(/^sheaf: a-file\/sub\/other\.ts cannot be written: /);
});

describe('called wrongly', () => {
  test.each([
    [['new-operation'], 'say how the operation is called'],
    [['new-operation', 'Give-Money'], '"Give-Money" cannot be the name: small letters'],
    [['new-operation', '../escape'], 'cannot be the name'],
    [['new-operation', 'get_batch'], 'it is the name of a permission'],
    [['new-operation', 'admin_of_rooms'], 'or begins with admin_'],
    [['new-operation', 'create_learner'], 'a built-in operation has it'],
    [['new-operation', 'a', 'b'], 'one name at a time'],
    [['new-operation', 'a', '--dir', 'b'], "Unknown option '--dir'"],
    [['frobnicate'], 'there is no command "frobnicate"'],
  ])('%j', async (args, told) => {
    const { code, out, err } = await sheaf(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(told);
    expect(err).toContain('Usage:');
  });
});

test.each([[[]], [['--help']], [['help']]])('%j prints help', async (args) => {
  const { code, out } = await sheaf(...(args as string[]));
  expect(code).toBe(0);
  expect(out).toContain('npx sheaf new-operation NAME [--directory DIR]');
});
