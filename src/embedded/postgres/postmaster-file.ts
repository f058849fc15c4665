import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What a running PostgreSQL writes about itself into its cluster, by lines. */
export interface PostmasterFile {
  /** NaN when the file has no first line (yet). */
  pid: number;
  /** It takes connections. Before that it starts, or recovers from a crash. */
  ready: boolean;
}

const STATUS_LINE = 7;

/** Reads `postmaster.pid`, or undefined when there is none. */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readText(cluster);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  // A negative pid is a session that runs alone, without a server.
  return {
    pid: Math.abs(Number.parseInt(lines[0] ?? '', 10)),
    ready: lines[STATUS_LINE]?.trim() === 'ready',
  };
}

/**
 * Takes the word "ready" out of the file of a dead server. In a container the next one often gets the same pid,
 * and would be taken for ready before it has written a file of its own. The rest stays: PostgreSQL reads from it
 * whether sessions of the dead server still use its memory. Eight bytes in place, as PostgreSQL does it.
 */
export async function markStale(cluster: string): Promise<void> {
  const text = await readText(cluster);
  if (text === undefined) return;
  const before = text.split('\n').slice(0, STATUS_LINE).join('\n');
  if (text.length <= before.length) return;
  const handle = await open(pathOf(cluster), 'r+');
  try {
    await handle.write('stale   ', Buffer.byteLength(before) + 1);
  } finally {
    await handle.close();
  }
}

/** Removes a file without content, which PostgreSQL would not start over. */
export async function removePostmasterFile(cluster: string): Promise<void> {
  await rm(pathOf(cluster), { force: true });
}

async function readText(cluster: string): Promise<string | undefined> {
  try {
    return await readFile(pathOf(cluster), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function pathOf(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
