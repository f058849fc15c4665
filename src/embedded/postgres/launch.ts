import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lockDirectory } from '../directory-lock.ts';
import { freePort } from '../ports.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import { type Account, possibleAccounts } from './account.ts';
import { type Binaries, nativeDirectory, prepareBinaries } from './binaries.ts';
import { clusterPath, ensureCluster } from './cluster.ts';
import { databaseUrl, ensureDatabase } from './database.ts';
import { stopLeftover } from './leftover.ts';
import { give, grantDirectory } from './ownership.ts';
import { openServerLog, type ServerLog } from './server-log.ts';
import { type Exit, type ServerProcess, startServerProcess } from './server-process.ts';
import { serverArguments } from './settings.ts';
import { waitUntilReady } from './startup.ts';
import { stopServer } from './stop.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, the log and the lock; made if missing. */
  directory: string;
  /** The port to listen on if it is free; 0: any. */
  port: number;
  /** Of the user `sheaf`. It stays the cluster's password from the first start on. */
  password: string;
  /** Gets the server's log lines, which also go to `postgres.log` in the directory. */
  log?: (line: string) => void;
  /** PostgreSQL settings by name, over our defaults. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** `postgres://sheaf:…@127.0.0.1:PORT/sheaf` */
  url: string;
  /** The port it got: another than asked for when that one was taken. */
  port: number;
  pid: number;
  /** Settles when the server ends, by `close` or by itself; never rejects. */
  exited: Promise<Exit>;
  /** Stops the server, clients or not, in bounded time, and gives the directory back. May be called twice. */
  close(): Promise<void>;
}

const START_WITHIN_MS = 60_000;

/**
 * Starts a PostgreSQL of our own on 127.0.0.1 and returns when it takes connections and has the database. A
 * server that a killed program has left on the directory is stopped first; a crash is recovered from.
 *
 * @throws Error when the directory is in use or another user's, when the programs are missing or do not run, or
 *   when the server ends at its start or is not ready within a minute: with its last log lines.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (options.password === '' || /[\r\n\0]/.test(options.password)) {
    throw new RangeError('the password of the embedded PostgreSQL must be one line, and not empty');
  }
  const native = nativeDirectory();
  const directory = await makePrivateDirectory(options.directory);
  const lock = await lockDirectory(directory);
  try {
    const log = await openServerLog(join(directory, 'postgres.log'));
    if (options.log) log.follow(options.log);
    try {
      const { server, port } = await bringUp(native, directory, log, options);
      return handle(server, port, options.password, log, () => lock.release());
    } catch (error) {
      await Promise.allSettled([log.close()]); // why the start failed matters more
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function bringUp(
  native: string,
  directory: string,
  log: ServerLog,
  options: EmbeddedPostgresOptions,
): Promise<{ server: ServerProcess; port: number }> {
  const cluster = clusterPath(directory);
  const accounts = await possibleAccounts(cluster);
  const stalePid = await stopLeftover(cluster, log.note);
  const account = await grantDirectory(accounts, directory, cluster);
  await give(account, log.path);
  const binaries = await prepareBinaries(native, account, directory);
  await ensureCluster(directory, binaries, account, options.password);
  const started = await startOnFreePort({ cluster, account, binaries, stalePid, log, options });
  try {
    await ensureDatabase(started.port, options.password);
    return started;
  } catch (error) {
    await endAgain(started.server);
    throw error;
  }
}

interface Start {
  cluster: string;
  account: Account;
  binaries: Binaries;
  stalePid: number | undefined;
  log: ServerLog;
  options: EmbeddedPostgresOptions;
}

/** Tries again while the reason is one that passes: a port taken meanwhile, a dead server's last sessions. */
async function startOnFreePort(start: Start): Promise<{ server: ServerProcess; port: number }> {
  const { cluster, account, binaries, stalePid, log, options } = start;
  const deadline = performance.now() + START_WITHIN_MS;
  let port = await freePort(options.port);
  for (;;) {
    const from = await log.position();
    const command = [binaries.postgres, ...serverArguments(cluster, port, options.settings)];
    const server = await startServerProcess({ account, command, logFd: log.fd, stalePid });
    const outcome = await waitUntilReady(server, cluster, deadline);
    if (outcome === 'ready') return { server, port };
    await endAgain(server);
    const words = await log.since(from);
    const left = deadline - performance.now();
    if (outcome === 'ended' && left > 0 && /could not bind .*in use/.test(words)) port = await freePort();
    else if (outcome === 'ended' && left > 0 && words.includes('shared memory block')) await delay(250);
    else throw new Error(`PostgreSQL ${REASON[outcome]}. Its last log lines:\n${words}`);
  }
}

const REASON = {
  ended: 'ended at its start',
  late: `was not ready after ${START_WITHIN_MS / 1000} s and was stopped`,
} as const;

async function endAgain(server: ServerProcess): Promise<void> {
  await stopServer(server);
  server.forget();
}

function handle(
  server: ServerProcess,
  port: number,
  password: string,
  log: ServerLog,
  release: () => Promise<void>,
): EmbeddedPostgres {
  const close = async () => {
    try {
      const signal = await stopServer(server);
      server.forget();
      if (signal !== 'SIGINT') await log.note(`PostgreSQL ${server.pid}: stopped by close (${signal})`);
    } finally {
      await log.close().finally(release);
    }
  };
  let closed: Promise<void> | undefined;
  return {
    url: databaseUrl(port, password),
    port,
    pid: server.pid,
    exited: server.exited,
    close: () => (closed ??= close()),
  };
}
