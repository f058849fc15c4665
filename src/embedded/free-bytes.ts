import { statfs } from 'node:fs/promises';

/** How much room the disk of a directory has for whoever is not its superuser. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
