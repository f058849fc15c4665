import type { FileFault } from '../../core/errors.ts';
import { faultOf } from '../broken-file.ts';
import { FIRST_BYTES } from '../detect/head.ts';

export interface FirstBytes {
  bytes: Buffer;
  /** Why there are no more, if it is not the end. */
  broken?: FileFault;
}

/** The first bytes of a file, fewer than `FIRST_BYTES` only where there are no more. */
export async function firstBytes(pieces: AsyncIterable<Buffer>): Promise<FirstBytes> {
  const parts: Buffer[] = [];
  let missing = FIRST_BYTES;
  let broken: FileFault | undefined;
  try {
    for await (const piece of pieces) {
      parts.push(Buffer.from(piece.subarray(0, missing)));
      missing -= Math.min(piece.length, missing);
      if (missing === 0) break;
    }
  } catch (error) {
    broken = faultOf(error);
  }
  return { bytes: Buffer.concat(parts), ...(broken && { broken }) };
}
