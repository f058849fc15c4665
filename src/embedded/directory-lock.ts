import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectProcess } from './process-identity.ts';

/**
 * One process at a time in a directory, without a kernel lock (Node has none) and without a race.
 *
 * The lock is the file `lock.N` with the highest N. It names its owner by pid and start mark, so that a reused
 * pid is not taken for the owner. Taking it over from a dead owner means making `lock.N+1` with link(2), which
 * succeeds for one starter only, and then seeing that it is the highest. A plain "remove the stale file and make
 * a new one" would let a slow starter remove the lock that a quick one has just made. The highest file is never
 * removed, not on release either, so the numbers only rise.
 */
export interface DirectoryLock {
  /** Lets the next one in. May be called twice. */
  release(): Promise<void>;
}

export interface Owner {
  pid: number;
  start?: string;
  released?: true;
}

/** How a directory is recognized as one of ours. */
export const LOCK_NAME = /^lock\.(\d{1,15})$/;
const DRAFT_NAME = /^lock-draft\./;
const ATTEMPTS = 200;

/**
 * Locks a directory for this process. A lock whose owner is dead (kill -9, reboot, reused pid) is taken over at once.
 *
 * @throws Error naming directory and pid when a living process has it, this one included.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const { start } = await inspectProcess(process.pid);
  const me: Owner = start === undefined ? { pid: process.pid } : { pid: process.pid, start };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const highest = await highestLock(directory);
    if (highest > 0) await refuseIfOwned(directory, highest);
    if (await takeNumber(directory, highest + 1, me)) return held(directory, highest + 1, me);
  }
  throw new Error(`the lock of ${directory} could not be taken: too many processes try at the same time`);
}

function held(directory: string, number: number, me: Owner): DirectoryLock {
  let released: Promise<void> | undefined;
  const release = async () => {
    try {
      const draft = await writeDraft(directory, { ...me, released: true });
      await rename(draft, lockPath(directory, number));
    } catch (error) {
      ignoreMissing(error as NodeJS.ErrnoException); // the directory was removed, and the lock with it
    }
  };
  return { release: () => (released ??= release()) };
}

/** Tries to become the owner under this number. Exported because a test must play the starter that is late. */
export async function takeNumber(directory: string, number: number, me: Owner): Promise<boolean> {
  const draft = await writeDraft(directory, me);
  try {
    await link(draft, lockPath(directory, number));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false; // another was first, or it swept our draft away
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  // A starter that looked before an older number was cleared away can still make that number: it has lost.
  if ((await highestLock(directory)) !== number) {
    await rm(lockPath(directory, number), { force: true });
    return false;
  }
  await clearOlder(directory, number);
  return true;
}

async function refuseIfOwned(directory: string, number: number): Promise<void> {
  const owner = await readOwner(lockPath(directory, number));
  if (owner === undefined || owner.released) return;
  const { alive, start } = await inspectProcess(owner.pid);
  if (!alive) return;
  if (start !== undefined && owner.start !== undefined && start !== owner.start) return; // the pid is reused
  const who = owner.pid === process.pid ? `this process (${owner.pid})` : `process ${owner.pid}`;
  throw new Error(
    `${directory} is in use by ${who}: stop it first, or choose another directory (lock file: ${lockPath(directory, number)})`,
  );
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof owner !== 'object' || owner === null || !('pid' in owner)) return undefined;
    return typeof owner.pid === 'number' ? (owner as Owner) : undefined;
  } catch (error) {
    // Gone: a newer owner swept it away. Not JSON: locks are whole and flushed before they get their name, so
    // this one is not from a process that still runs.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function writeDraft(directory: string, owner: Owner): Promise<string> {
  const path = join(directory, `lock-draft.${randomUUID()}`);
  // Readable for others, unlike the rest: it holds no secret, and who shares the directory must be able to
  // read whose it is.
  const handle = await open(path, 'wx', 0o644);
  try {
    await handle.writeFile(`${JSON.stringify(owner)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return path;
}

async function highestLock(directory: string): Promise<number> {
  return (await readdir(directory)).reduce((highest, name) => Math.max(highest, lockNumber(name)), 0);
}

async function clearOlder(directory: string, number: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const older = lockNumber(name);
    if (DRAFT_NAME.test(name) || (older > 0 && older < number)) {
      await unlink(join(directory, name)).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function lockNumber(name: string): number {
  return Number(LOCK_NAME.exec(name)?.[1] ?? 0);
}

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}
