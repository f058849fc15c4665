import { mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flushDirectory, pathExists } from '../private-directory.ts';
import { type Account, runAs } from './account.ts';
import type { Binaries } from './binaries.ts';
import { give } from './ownership.ts';

/** The user that owns the database; PostgreSQL's superuser in this cluster. */
export const USER = 'sheaf';
const DRAFT = 'initdb-';

/** Where in the launcher's directory the cluster is. */
export function clusterPath(directory: string): string {
  return join(directory, 'cluster');
}

/**
 * Makes the cluster if there is none. It is made beside its place, flushed, and then renamed: a kill at any
 * moment leaves either no cluster or a whole one. What a killed start has left is removed here.
 *
 * @throws Error when initdb fails (with its words), when the files in the cluster's place are not a cluster (they
 *   are never deleted), or when another major version of PostgreSQL made it.
 */
export async function ensureCluster(
  directory: string,
  binaries: Binaries,
  account: Account,
  password: string,
): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(DRAFT)) await removeTree(join(directory, name));
  }
  const cluster = clusterPath(directory);
  if (await isEmpty(cluster)) await rmdir(cluster);
  if (await pathExists(cluster)) await checkCluster(cluster, binaries.major);
  else await makeCluster(directory, cluster, binaries, account, password);
}

async function makeCluster(
  directory: string,
  cluster: string,
  binaries: Binaries,
  account: Account,
  password: string,
): Promise<void> {
  const workplace = await mkdtemp(join(directory, DRAFT));
  try {
    await give(account, workplace);
    // By a file: every user of the machine can read a command line.
    const passwordFile = join(workplace, 'password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
    await give(account, passwordFile);
    const draft = join(workplace, 'cluster');
    const { code, signal, output } = await runAs(
      account,
      initdbCommand(binaries.initdb, draft, passwordFile),
    );
    if (code !== 0) throw new Error(`initdb ended with ${signal ?? `code ${code}`}: ${output}`);
    await rename(draft, cluster); // initdb has flushed what is in it
    await flushDirectory(directory);
  } finally {
    await removeTree(workplace);
  }
}

function initdbCommand(initdb: string, cluster: string, passwordFile: string): string[] {
  return [
    initdb,
    `--pgdata=${cluster}`,
    `--username=${USER}`,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    // PostgreSQL's own rules for characters: the same on every system, which the system's locales are not.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--data-checksums',
    '--no-instructions',
  ];
}

async function checkCluster(cluster: string, major: string): Promise<void> {
  if (!(await pathExists(cluster, 'global', 'pg_control'))) {
    throw new Error(
      `${cluster} holds files, but is not a PostgreSQL cluster: move them away, or put the missing ones back`,
    );
  }
  const made = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  if (made !== major) {
    throw new Error(
      `${cluster} was made by PostgreSQL ${made} and this is PostgreSQL ${major}: dump it with the version that made it, or choose another directory`,
    );
  }
}

async function isEmpty(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

/** With retries: an initdb that outlived its killed starter may still be adding files. */
function removeTree(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
