import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ROOT } from './program.ts';

export interface CommandOutcome {
  code: number | null;
  out: string;
  err: string;
}

/**
 * Runs a script of ours to its end, with something piped in.
 * @param meanwhile what befalls it
 */
export async function runScript(
  script: readonly string[],
  settings: Record<string, string>,
  input = '',
  meanwhile: (child: ChildProcess) => Promise<void> = async () => undefined,
): Promise<CommandOutcome> {
  const child = spawn(process.execPath, script, {
    cwd: ROOT,
    env: { ...process.env, SHEAF_LOG_LEVEL: 'warn', ...settings },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  // A command that ends without reading what is piped in is no fault of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), meanwhile(child)]);
  return { code: await code, out, err };
}

/** `npx sheaf …` */
export async function sheafCommand(
  args: readonly string[],
  settings: Record<string, string>,
  input = '',
  meanwhile?: (child: ChildProcess) => Promise<void>,
): Promise<CommandOutcome> {
  return await runScript(['bin/sheaf.mjs', ...args], settings, input, meanwhile);
}
