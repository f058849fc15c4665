import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { compiledArgs } from './compiled.ts';

/** One of our entry points as a child process, the way a user runs it. */
export interface Program {
  child: ChildProcess;
  /** What the line that told it was up says in the first group of the pattern. */
  said: string;
  /** All that it wrote to standard output. */
  output(): string;
  /** All that it logged. */
  log(): string;
  /** kill -9, and waits until it is gone; also when it is frozen, or gone already. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** SIGSTOP, and waits until it does nothing any more. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
}

export const ROOT = new URL('../../', import.meta.url).pathname;

/**
 * @param root of which checkout
 * @param under a command that it is an argument of
 * @throws {Error} with what it logged, when it ends before it is up
 */
export async function startProgram(
  script: string,
  settings: Record<string, string>,
  up: RegExp,
  root = ROOT,
  under: readonly string[] = [],
): Promise<Program> {
  // Another checkout has no dist/ of its own.
  const how = root === ROOT ? compiledArgs(script) : ['--import', 'tsx', script];
  const [command = '', ...args] = [...under, process.execPath, ...how];
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, SHEAF_LOG_LEVEL: 'warn', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'exit') as Promise<[number | null]>;
  let output = '';
  let log = '';
  child.stderr.on('data', (data) => {
    log += data;
  });
  const said = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${log}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`;
      const found = up.exec(line);
      if (found !== null) resolve(found[1] ?? '');
    });
  });
  return {
    child,
    said,
    output: () => output,
    log: () => log,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code] = await gone;
      return code;
    },
    async freeze() {
      child.kill('SIGSTOP');
      await untilStopped(child.pid ?? 0);
    },
    thaw() {
      child.kill('SIGCONT');
    },
  };
}

/** A signal is delivered when the process next runs. Where there is no /proc to tell, it is taken to be at once. */
async function untilStopped(pid: number): Promise<void> {
  const path = `/proc/${pid}/stat`;
  while (existsSync(path)) {
    const stat = await readFile(path, 'latin1');
    // After the name, which stands in brackets and may hold any character.
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
    if (state === 'T') return;
    await sleep(5);
  }
}
