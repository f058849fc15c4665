import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Problem } from '../../src/api/schemas/problem.ts';
import { sheafCommand } from '../support/sheaf-command.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/** `npm start` on a new directory, as somebody meets it who wants to sign in; one story, in order. */

let data: string;
let sheaf: SheafProcess;
let password: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'sheaf-first-'));
  sheaf = await startSheafProcess(data, { SHEAF_LOG_LEVEL: 'trace' });
});
afterAll(async () => {
  await sheaf.stop();
  await rm(data, { recursive: true, force: true });
});

async function signIn(secret: string): Promise<{ status: number; token: string; code: string }> {
  const response = await fetch(`${sheaf.url}/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: secret }),
  });
  const body = (await response.json()) as { token: string } & Problem;
  return { status: response.status, token: body.token, code: body.code };
}

const PRINTED = /^ {2}sign in .* admin .*:\n +([a-z2-9]{20,})$/m;

it('prints the password of the user admin, who can sign in with it', async () => {
  await expect.poll(() => sheaf.output()).toMatch(PRINTED);
  password = PRINTED.exec(sheaf.output())?.[1] ?? '';
  const { status, token } = await signIn(password);
  expect(status).toBe(200);
  for (const scheme of ['Bearer', 'JWT']) {
    const me = await fetch(`${sheaf.url}/me`, { headers: { authorization: `${scheme} ${token}` } });
    expect(await me.json()).toMatchObject({
      user: 'admin',
      role: 'admin',
      account: { name: 'default' },
      principal: { kind: 'user' },
    });
  }
});

it('keeps it nowhere: it is in no file, and in no line of the log', async () => {
  expect(sheaf.log()).not.toBe('');
  expect(sheaf.log()).not.toContain(password);
  expect(sheaf.output().split(password)).toHaveLength(2);
  const files = await readdir(data, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    // PostgreSQL removes files of its own meanwhile.
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return Buffer.alloc(0);
    });
    if (bytes.includes(password)) found.push(path);
  }
  expect(files.length).toBeGreaterThan(100);
  expect(found).toEqual([]);
});

it('takes another one that is set at the command line, which finds it by its directory', async () => {
  const renewed = 'set at the command line';
  const settings = { SHEAF_DATA_DIR: data };
  const outcome = await sheafCommand(['set-password', 'admin'], settings, `${renewed}\n`);
  expect(outcome).toMatchObject({ code: 0, err: '' });
  expect(outcome.out).toContain('Sessions that were ended: 1.');
  expect(await signIn(password)).toMatchObject({ status: 401, code: 'sign_in_failed' });
  expect((await signIn(renewed)).status).toBe(200);
  password = renewed;
});

it('prints none when it starts again, and does not take one that the settings name by then', async () => {
  await sheaf.stop();
  sheaf = await startSheafProcess(data, { SHEAF_ADMIN_PASSWORD: 'of a changed setting' });
  expect((await signIn(password)).status).toBe(200);
  expect((await signIn('of a changed setting')).status).toBe(401);
  expect(sheaf.output()).not.toContain('sign in');
});
