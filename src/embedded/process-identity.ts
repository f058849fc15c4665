import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What is known about a pid now. `start` is missing where this system does not tell it. */
export interface ProcessState {
  alive: boolean;
  start?: string;
}

/**
 * Looks at a pid. `start` is a mark of the moment the process began: the same pid with another mark is another
 * process. A zombie counts as dead: it holds nothing any more, and in a container nobody may ever reap it.
 */
export async function inspectProcess(pid: number): Promise<ProcessState> {
  if (!Number.isSafeInteger(pid) || pid <= 0 || !exists(pid)) return { alive: false };
  return process.platform === 'linux' ? inspectOnLinux(pid) : inspectWithPs(pid);
}

/** The directory a process works in, or undefined where that is not told or not ours to know. */
export async function workingDirectory(pid: number): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // no /proc, another user's process, or gone: the caller looks at the command line instead
  }
}

/** The command line of a process with single spaces between the words, or '' when it is gone. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const raw = await readUnlessGone(`/proc/${pid}/cmdline`);
    return (raw ?? '').split('\0').join(' ').trim();
  }
  return (await ps(pid, 'command=')) ?? '';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, but another user's
  }
}

async function inspectOnLinux(pid: number): Promise<ProcessState> {
  const [stat, boot] = await Promise.all([
    readUnlessGone(`/proc/${pid}/stat`),
    readUnlessGone('/proc/sys/kernel/random/boot_id'),
  ]);
  // /proc may hide other users' processes (hidepid), so a missing file is not a dead process.
  if (stat === undefined) return { alive: exists(pid) };
  // The second field, the program's name, may itself hold spaces and brackets: count from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return { alive: false };
  const ticks = fields[19];
  // Ticks count from the boot: without the boot's id two boots could give the same pid the same mark.
  return ticks ? { alive: true, start: `${(boot ?? '').trim()}:${ticks}` } : { alive: true };
}

async function inspectWithPs(pid: number): Promise<ProcessState> {
  const line = await ps(pid, 'stat=', 'lstart=');
  if (line === undefined) return { alive: exists(pid) };
  const [state = '', ...start] = line.split(/\s+/);
  return state.startsWith('Z') ? { alive: false } : { alive: true, start: start.join(' ') };
}

async function ps(pid: number, ...columns: string[]): Promise<string | undefined> {
  try {
    // A fixed zone and language: the mark must not change with the settings of whoever asks.
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
    // One -o a column: to a BSD ps everything after the first `=` is a heading.
    const wanted = columns.flatMap((column) => ['-o', column]);
    const { stdout } = await run('ps', [...wanted, '-p', String(pid)], { env });
    return stdout.trim() || undefined;
  } catch {
    return undefined; // ps ends with 1 when there is no such process
  }
}

async function readUnlessGone(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
