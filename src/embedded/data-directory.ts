import { randomUUID } from 'node:crypto';
import { chmod, chown, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { lockDirectory } from './directory-lock.ts';
import { flushDirectory, makePrivateDirectory } from './private-directory.ts';

const DRAFT = '.draft-';

/** The directory that holds everything Sheaf keeps on this machine; open in one process at a time. */
export interface DataDirectory {
  /** Absolute. */
  path: string;
  /** The path of a file in the directory. Throws RangeError for a name that leads out of it. */
  file(name: string): string;
  /**
   * A secret that is made once and then stays: a file with mode 0600, flushed before it gets its name.
   * `created` tells whether this call made it. Throws when the file is there but empty or unreadable.
   */
  secret(name: string, make: () => string): Promise<{ value: string; created: boolean }>;
  /** Gives the lock back. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens the data directory: makes it (mode 0700) and takes its lock. A lock left by a dead process is taken over.
 *
 * @throws Error that names the directory, and the pid when another process has it open; also when it is a
 *   file, cannot be written, or belongs to another user.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const directory = await makePrivateDirectory(path);
  const lock = await lockDirectory(directory);
  try {
    await removeDrafts(directory);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const file = (name: string) => inside(directory, name);
  return {
    path: directory,
    file,
    secret: async (name, make) => keepSecret(file(name), make),
    close: () => lock.release(),
  };
}

/**
 * Replaces a file as a whole: a reader sees the old text or the new one, and after a power cut it is one of the
 * two. The mode is 0600.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = await writeDraft(path, text);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await flushDirectory(dirname(path));
}

async function keepSecret(path: string, make: () => string): Promise<{ value: string; created: boolean }> {
  const kept = await readSecret(path);
  if (kept !== undefined) return { value: kept, created: false };
  const value = make();
  if (value.trim() !== value || value === '') throw new RangeError(`no usable value for ${path} was made`);
  const draft = await writeDraft(path, `${value}\n`);
  try {
    await link(draft, path); // unlike rename, this never replaces what another call has made meanwhile
    await flushDirectory(dirname(path));
    return { value, created: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const theirs = await readSecret(path);
    if (theirs === undefined) throw error;
    return { value: theirs, created: false };
  } finally {
    await rm(draft, { force: true });
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const value = (await readFile(path, 'utf8')).trim();
    if (value === '')
      throw new Error(`${path} is empty: put the secret back, or remove the file to get a new one`);
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
    return value;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'EACCES') throw new Error(`${path} is not readable for this user`, { cause: error });
    throw error;
  }
}

async function writeDraft(path: string, text: string): Promise<string> {
  const draft = join(dirname(path), `${DRAFT}${randomUUID()}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  if (process.getuid?.() === 0) {
    // Root may start what a user has set up: that user must still be able to read it afterwards.
    const { uid, gid } = await stat(dirname(path));
    if (uid !== 0) await chown(draft, uid, gid);
  }
  return draft;
}

/** What a kill has left between writing a file and giving it its name. */
async function removeDrafts(directory: string): Promise<void> {
  const names = await readdir(directory);
  await Promise.all(
    names.filter((name) => name.startsWith(DRAFT)).map((name) => rm(join(directory, name), { force: true })),
  );
}

function inside(directory: string, name: string): string {
  const path = resolve(directory, name);
  const way = relative(directory, path);
  if (name === '' || way === '' || way === '..' || way.startsWith('../') || name.includes('\0')) {
    throw new RangeError(`not a file in the data directory: ${JSON.stringify(name)}`);
  }
  return path;
}
