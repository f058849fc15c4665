import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SheafClient } from '../../src/client/client.ts';

/** `npm start` as a child process, the way a user runs it; killed and started again as a test needs. */
export interface SheafProcess {
  child: ChildProcess;
  url: string;
  key: string;
  client: SheafClient;
  /** All that it wrote to standard output. */
  output(): string;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export const ROOT = new URL('../../', import.meta.url).pathname;

export async function startSheafProcess(
  dataDirectory: string,
  settings: Record<string, string> = {},
): Promise<SheafProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    cwd: ROOT,
    env: {
      ...process.env,
      SHEAF_DATA_DIR: dataDirectory,
      SHEAF_PORT: '0',
      SHEAF_LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${errors}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`;
      const up = /is up at (\S+)/.exec(line)?.[1];
      if (up !== undefined) resolve(up);
    });
  });
  const key = settings.SHEAF_ADMIN_KEY ?? (await readFile(join(dataDirectory, 'admin-key'), 'utf8')).trim();
  const gone = once(child, 'exit') as Promise<[number | null]>;
  return {
    child,
    url,
    key,
    client: new SheafClient({ baseUrl: url, apiKey: key }),
    output: () => output,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code] = await gone;
      return code;
    },
  };
}
