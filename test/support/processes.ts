import { readdir, readFile } from 'node:fs/promises';

/**
 * Processes that were started with the database of this URL, whoever connects, by what they run. Where there is no /proc
 * to tell, none.
 */
export async function processesWith(databaseUrl: string): Promise<string[]> {
  const { host, pathname } = new URL(databaseUrl);
  const found: string[] = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    // It may be gone by now.
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const named = environment.split('\0').find((entry) => entry.startsWith('DATABASE_URL='));
    if (!named?.endsWith(`@${host}${pathname}`)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    found.push(command.replaceAll('\0', ' '));
  }
  return found;
}
