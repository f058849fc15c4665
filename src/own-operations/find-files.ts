import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageOf } from './specifiers.ts';

/** Something that operations are taken from. */
export interface Source {
  /** As messages call it. */
  name: string;
  /** `null`: a package. */
  file: string | null;
  /** By which it is imported. */
  specifier: string;
}

const SCRIPT = /\.[cm]?[jt]s$/;
const YAML = /\.ya?ml$/;

export const isYaml = ({ file }: Source) => file !== null && YAML.test(file);

/**
 * What an entry of the setting names.
 * @param folder where relative paths begin, and where packages are looked for
 * @throws {Error} saying what to change
 */
export async function findSources(entry: string, folder: string): Promise<Source[]> {
  const path = resolve(folder, entry);
  const found = await kindOf(path);
  if (found === null) {
    if (isPath(entry)) {
      throw new Error(`there is no such file or folder, ${path}; mend the path in SHEAF_OPERATIONS`);
    }
    const specifier = packageOf(entry, pathToFileURL(`${folder}/`));
    return [{ name: entry, file: null, specifier }];
  }
  if (found === 'file') return [sourceAt(path, folder)];
  const names = (await readdir(path)).filter((name) => holdsOperations(name)).sort();
  if (names.length === 0) {
    throw new Error('there is no file with operations in this folder: none ends in .ts, .js, .yaml or .yml');
  }
  return names.map((name) => sourceAt(join(path, name), folder));
}

async function kindOf(path: string): Promise<'file' | 'folder' | null> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new Error(`it cannot be read: ${code}`);
  }
}

/** What looks like no name of a package; `greet.ts` is likelier a file that is not there. */
function isPath(entry: string): boolean {
  return entry.startsWith('.') || isAbsolute(entry) || SCRIPT.test(entry) || YAML.test(entry);
}

/** Tests and declarations lie beside what they are of. */
function holdsOperations(name: string): boolean {
  if (name.startsWith('.') || /\.(d\.[cm]?ts|(test|spec)\.[cm]?[jt]s)$/.test(name)) return false;
  return SCRIPT.test(name) || YAML.test(name);
}

/** @throws {Error} when it is none of the kinds that are known */
function sourceAt(file: string, folder: string): Source {
  const near = relative(folder, file);
  const name = near.startsWith('..') ? file : near;
  if (!SCRIPT.test(file) && !YAML.test(file)) {
    throw new Error('operations are in files that end in .ts, .js (.mts, .cts, .mjs, .cjs), .yaml or .yml');
  }
  return { name, file, specifier: pathToFileURL(file).href };
}
