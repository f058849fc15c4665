import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SheafClient } from '../../src/client/client.ts';
import { type Program, startProgram } from './program.ts';

export { ROOT } from './program.ts';

/** `npm start` as a child process; killed and started again as a test needs. */
export interface SheafProcess extends Program {
  url: string;
  key: string;
  client: SheafClient;
}

export async function startSheafProcess(
  dataDirectory: string,
  settings: Record<string, string> = {},
): Promise<SheafProcess> {
  const program = await startProgram(
    'src/main.ts',
    { SHEAF_DATA_DIR: dataDirectory, SHEAF_PORT: '0', ...settings },
    /is up at (\S+)/,
  );
  const key = settings.SHEAF_ADMIN_KEY ?? (await readFile(join(dataDirectory, 'admin-key'), 'utf8')).trim();
  const url = program.said;
  return { ...program, url, key, client: new SheafClient({ baseUrl: url, apiKey: key }) };
}
