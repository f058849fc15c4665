import { type SpawnOptions, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ownedByAnother } from '../private-directory.ts';

/**
 * As whom PostgreSQL runs. It refuses to be root, for good reasons, but `npm start` in a container often is.
 *
 * - not root: as this user.
 * - root, on a cluster of somebody else: as that owner, so the owner can start it again.
 * - root, with user namespaces: inside one, where it has no rights but looks like `nobody` to itself. On disk
 *   its files stay root's, so it works even under a directory that only root may enter.
 * - root, without (Docker's default profile forbids them), or below a user's closed home, where root without
 *   its rights may not go: as the user whose place it is, else as `postgres` or `nobody`, who then owns the files.
 */
export interface Account {
  /** Program and arguments to put before the command. */
  prefix: string[];
  /** Whom to become before the command; absent: stay who we are. */
  user?: User;
  /** For messages. */
  label: string;
}

const NAMESPACE = ['-U', '--map-user=65534', '--map-group=65534'];

/** The environment of every program we start: none of ours, where secrets and PG* variables may be. */
export const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/**
 * The accounts that a cluster which is there, or will be made, may run as; the best first.
 *
 * @throws Error when the cluster belongs to another user, or this is root and there is no way not to be.
 */
export async function possibleAccounts(cluster: string): Promise<Account[]> {
  const uid = process.getuid?.() ?? 0;
  const owner = await ownerOf(cluster);
  if (uid !== 0) {
    if (owner !== undefined && owner.uid !== uid) throw ownedByAnother(cluster, owner.uid, uid);
    return [{ prefix: [], label: `uid ${uid}` }];
  }
  if (owner !== undefined && owner.uid !== 0) return [asUser(owner)];
  const accounts = [
    await namespaceAccount(),
    await ownerAbove(cluster),
    await lookUp('postgres'),
    await lookUp('nobody'),
  ].filter((account) => account !== undefined);
  if (accounts.length > 0) return accounts;
  throw new Error(
    'PostgreSQL does not run as root, and this system has neither user namespaces (unshare) nor a user postgres or nobody: start as an ordinary user, or set DATABASE_URL',
  );
}

/** Starts a program as the account. */
export function spawnAs(account: Account, command: string[], options: SpawnOptions) {
  const [program, ...args] = [...account.prefix, ...command];
  if (program === undefined) throw new RangeError('no command');
  return spawn(program, args, { cwd: '/', env: ENVIRONMENT, ...account.user, ...options });
}

/** Runs a program as the account to its end. Does not throw when it fails, or cannot be started at all. */
export function runAs(account: Account, command: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawnAs(account, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    const pieces: Buffer[] = [];
    child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr?.on('data', (piece: Buffer) => pieces.push(piece));
    child.once('error', (error) => resolve({ code: null, signal: null, output: error.message }));
    child.once('close', (code, signal) =>
      resolve({ code, signal, output: Buffer.concat(pieces).toString('utf8').trim() }),
    );
  });
}

const MYSELF: Account = { prefix: [], label: 'this user' };

interface User {
  uid: number;
  gid: number;
}

function asUser(user: User): Account {
  return { prefix: [], user, label: `uid ${user.uid}` };
}

async function namespaceAccount(): Promise<Account | undefined> {
  const found = await runAs(MYSELF, ['/bin/sh', '-c', 'command -v unshare']);
  if (found.code !== 0 || found.output === '') return undefined;
  const account = { prefix: [found.output, ...NAMESPACE], label: 'root in a user namespace' };
  const tried = await runAs(account, ['/bin/sh', '-c', 'id -u']);
  return tried.code === 0 && tried.output === '65534' ? account : undefined;
}

/** Whose place it is: the owner of the nearest directory above that is not root's. */
async function ownerAbove(path: string): Promise<Account | undefined> {
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
    const owner = await ownerOf(above);
    if (owner !== undefined && owner.uid !== 0) return asUser(owner);
  }
  return undefined;
}

async function lookUp(name: string): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([
    runAs(MYSELF, ['id', '-u', name]),
    runAs(MYSELF, ['id', '-g', name]),
  ]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  const user = { uid: Number(uid.output), gid: Number(gid.output) };
  return user.uid > 0 ? asUser(user) : undefined;
}

async function ownerOf(path: string): Promise<User | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
