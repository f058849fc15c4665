import { chmod, chown, lchown, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LOCK_NAME } from '../directory-lock.ts';
import { pathExists } from '../private-directory.ts';
import { type Account, runAs } from './account.ts';

/**
 * Chooses the first account that can work in the directory, and lets it. Where that is another user than we are,
 * the directory and a cluster of ours in it are given to that user, and the data directory above is opened for
 * the user's group to pass through (not to list or read). No directory that is not Sheaf's own is changed.
 *
 * @throws Error when none can get in, because of a directory further up.
 */
export async function grantDirectory(
  accounts: Account[],
  directory: string,
  cluster: string,
): Promise<Account> {
  for (const account of accounts) {
    if (!(await letIn(account, directory))) continue;
    const { user } = account;
    if (user && (await pathExists(cluster)) && (await stat(cluster)).uid === 0)
      await chownTree(cluster, user);
    return account;
  }
  const tried = accounts.map(({ label }) => label).join(', ');
  throw new Error(
    `PostgreSQL cannot run as ${tried}, who cannot enter ${directory}: put the data directory where every user may pass (SHEAF_DATA_DIR), start as an ordinary user, or set DATABASE_URL`,
  );
}

async function letIn(account: Account, directory: string): Promise<boolean> {
  if (!account.user) return canEnter(account, directory);
  const before = await stat(directory);
  await chown(directory, account.user.uid, account.user.gid);
  if (await canEnter(account, directory)) return true;
  const shut = await letThrough(dirname(directory), account.user.gid);
  if (await canEnter(account, directory)) return true;
  await shut();
  await chown(directory, before.uid, before.gid);
  return false;
}

/** Hands one new file or directory to the account's user, if that is another than ours. */
export async function give(account: Account, path: string): Promise<void> {
  if (account.user) await chown(path, account.user.uid, account.user.gid);
}

/** Opens a data directory of root's for a group to pass, and returns the way back. */
async function letThrough(directory: string, gid: number): Promise<() => Promise<void>> {
  const ours = (await readdir(directory)).some((name) => LOCK_NAME.test(name));
  const before = await stat(directory);
  if (!ours || before.uid !== 0) return async () => {};
  const set = async (group: number, mode: number) => {
    await chown(directory, 0, group);
    await chmod(directory, mode);
  };
  await set(gid, (before.mode & 0o700) | 0o010);
  return () => set(before.gid, before.mode & 0o777);
}

async function canEnter(account: Account, directory: string): Promise<boolean> {
  const tried = await runAs(account, ['/bin/sh', '-c', 'cd "$0" && test -w .', directory]);
  return tried.code === 0;
}

/** The top last: a run that is cut short leaves a tree that still counts as root's and is given again. */
async function chownTree(path: string, user: { uid: number; gid: number }): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await chownTree(child, user);
    else await lchown(child, user.uid, user.gid);
  }
  await chown(path, user.uid, user.gid);
}
