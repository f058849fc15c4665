import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SheafClient } from '../../src/client/client.ts';
import { type Program, startProgram } from '../../test/support/program.ts';

/** A Sheaf in one or more processes, on a data directory of its own. */
export interface RunningLayout {
  client: SheafClient;
  processes: { name: string; program: Program }[];
  stop(): Promise<void>;
}

export const LAYOUTS = {
  /** As `npm start` runs it: API, workers and S3 server in one process. */
  together: startTogether,
  /** An API and one worker with a process each; the S3 server in a third one. */
  apart: startApart,
} as const;

export type LayoutName = keyof typeof LAYOUTS;

async function startTogether(directory: string): Promise<RunningLayout> {
  const settings = { SHEAF_DATA_DIR: directory, SHEAF_PORT: '0' };
  const all = await startProgram('src/main.ts', settings, /is up at (\S+)/);
  const key = (await readFile(join(directory, 'admin-key'), 'utf8')).trim();
  return layout(all.said, key, [{ name: 'npm start', program: all }]);
}

async function startApart(directory: string): Promise<RunningLayout> {
  const key = 'the-key-of-the-bench';
  const settings = { SHEAF_DATA_DIR: directory, SHEAF_PORT: '0', SHEAF_ADMIN_KEY: key };
  const services = await startProgram('bench/large/services.ts', settings, /The services are up/);
  const api = await startProgram('src/api/main.ts', settings, /is up at (\S+)/);
  const worker = await startProgram('workers/main.ts', settings, /A worker of Sheaf is up/);
  return layout(api.said, key, [
    { name: 'S3 server', program: services },
    { name: 'API', program: api },
    { name: 'worker', program: worker },
  ]);
}

function layout(url: string, apiKey: string, processes: RunningLayout['processes']): RunningLayout {
  return {
    client: new SheafClient({ baseUrl: url, apiKey }),
    processes,
    async stop() {
      // What was started last stands on what was started first.
      for (const { name, program } of [...processes].reverse()) {
        const code = await program.stop();
        if (code !== 0) throw new Error(`${name} ended with ${code}: ${program.log()}`);
      }
    },
  };
}
