import { randomUUID } from 'node:crypto';
import { chmod, constants, copyFile, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathExists } from '../private-directory.ts';
import { libraryLinks } from './library-links.ts';

/** Not needed to run: static libraries, build files, and a program we do not use. About a third of the size. */
const LEFT_OUT = /(\.a|^pkgconfig|^pgxs|^pg_ctl)$/;

/**
 * Copies PostgreSQL's programs with their libraries into `directory`, links and executable bits as they should
 * be, and returns the copy's folder. A copy and not links to the files: a program finds its libraries and its
 * `share` beside the real file, and the account may not be allowed where the real file is. The name carries
 * the package's version, so an update is copied anew; copies of other versions go.
 */
export async function copyBinaries(native: string, directory: string, anew: boolean): Promise<string> {
  const prefix = 'programs-';
  const copy = join(directory, `${prefix}${await packageVersion(native)}`);
  if (anew) await rm(copy, { recursive: true, force: true });
  if (await pathExists(copy)) return copy;
  for (const name of await readdir(directory)) {
    if (name.startsWith(prefix)) await rm(join(directory, name), { recursive: true, force: true });
  }
  const draft = join(directory, `${prefix}draft-${randomUUID()}`);
  try {
    await copyTree(native, draft);
    for (const { link, target } of await libraryLinks(native)) {
      await rm(join(draft, link), { force: true });
      await symlink(relative(dirname(link), target), join(draft, link));
    }
    await rename(draft, copy);
    return copy;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(`PostgreSQL's programs could not be copied from ${native} to ${directory}`, {
      cause: error,
    });
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755); // whatever the umask: the account may be another user
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (LEFT_OUT.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, from.endsWith('/bin') ? 0o755 : 0o644);
    }
    // Links are made from the package's own list.
  }
}

async function packageVersion(native: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'));
  const { version } = manifest as { version?: unknown };
  return typeof version === 'string' && /^[\w.+-]+$/.test(version) ? version : 'unknown';
}
