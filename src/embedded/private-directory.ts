import { access, chmod, constants, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LOCK_NAME } from './directory-lock.ts';

/**
 * Makes a directory that only its owner may enter, and returns its absolute path. One that is there already is used,
 * and closed to others if it stood open and is empty or ours: a directory of somebody else's things keeps its mode.
 * Group `x` alone stays: it is how a PostgreSQL that runs as another user gets to its files (see account.ts).
 *
 * @throws Error when the path is not a directory, cannot be made or written, belongs to another user, or is open to
 *   others and holds other things.
 */
export async function makePrivateDirectory(path: string): Promise<string> {
  const directory = resolve(path);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = await stat(directory);
    const user = process.getuid?.();
    if (user !== undefined && user !== 0 && uid !== user) throw ownedByAnother(directory, uid, user);
    if ((mode & 0o067) !== 0) {
      if (!(await isEmptyOrOurs(directory))) throw openToOthers(directory, mode);
      await chmod(directory, 0o700);
    }
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    throw explain(directory, error as NodeJS.ErrnoException);
  }
}

/** How a directory is recognized as one of ours: by the lock that it was opened with. */
async function isEmptyOrOurs(directory: string): Promise<boolean> {
  const names = await readdir(directory);
  return names.length === 0 || names.some((name) => LOCK_NAME.test(name));
}

function openToOthers(directory: string, mode: number): Error {
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  return new Error(
    `${directory} holds other things and is open to other users (mode ${shown}): choose a directory of its own`,
  );
}

/** Makes the names in a directory survive a power cut. */
export async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a path is there; other trouble than its absence is thrown. */
export async function pathExists(...parts: string[]): Promise<boolean> {
  try {
    await stat(join(...parts));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

export function ownedByAnother(directory: string, owner: number, user: number): Error {
  return new Error(
    `${directory} belongs to another user (uid ${owner}, this is uid ${user}): start as that user, or choose another directory`,
  );
}

function explain(directory: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return new Error(`${directory} cannot be the directory: it, or something above it, is a file`, {
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new Error(`${directory} cannot be made or written by this user: ${error.message}`, {
        cause: error,
      });
    default:
      return error;
  }
}
