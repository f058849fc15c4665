import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './program.ts';
import type { Requirement } from './requirements.ts';

/**
 * The version that those who deploy the newest one come from: its workers and its API have to get on with the newest
 * schema, and with newer workers beside them. To be moved on with each release, to the release before: and what its
 * processes would do wrong has to be kept from them (docs/deploying.md).
 */
const OLDER = '15804a65fcf9699082bfd1940696b0f3ce7cbf74';

const run = promisify(execFile);

/** It is in the history, which a shallow clone does not have: in CI it has to be there. */
export function olderVersion(): Requirement {
  const missing = !isThere() && process.env.CI !== 'true';
  return {
    missing,
    reason: missing ? ` (skipped: the history has no commit ${OLDER.slice(0, 7)})` : '',
    value: () => OLDER,
  };
}

function isThere(): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${OLDER}^{commit}`], { cwd: ROOT, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A directory with the older version in it, on the packages that are installed. */
export async function unpackOlder(): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'sheaf-older-'));
  const archive = join(root, 'older.tar');
  const parts = ['package.json', 'tsconfig.json', 'src', 'workers', 'drizzle'];
  await run('git', ['archive', '--output', archive, OLDER, ...parts], { cwd: ROOT });
  await run('tar', ['-xf', archive, '-C', root]);
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
