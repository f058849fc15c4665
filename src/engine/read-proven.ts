import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { ObjectStore, ReadOptions } from './ports/object-store.ts';

/** What was damaged or cut short on its way is right the next time; what has changed has changed for good. */
export const READINGS = 3;

/** Bytes of an object, proven by their SHA-256; `null`: however often they are read, they are others. */
export async function readProven(
  objects: Pick<ObjectStore, 'read'>,
  key: string,
  sha256: string,
  options: ReadOptions,
): Promise<Buffer | null> {
  for (let reading = 1; reading <= READINGS; reading += 1) {
    const bytes = await buffer(await objects.read(key, options));
    if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  }
  return null;
}
