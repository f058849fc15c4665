import { setImmediate } from 'node:timers/promises';

/** So many bytes are worth what it costs to pass a piece on. */
const FEWEST_BYTES = 64 * 1024;
/** So many are worked on before anything else gets its turn. */
const MOST_BYTES = 1024 * 1024;

/**
 * The same bytes in pieces that are neither so small that passing them on costs more than working on them, nor so large
 * that nothing else happens meanwhile. Where the source fails, all bytes before that come first.
 */
export async function* evenPieces(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Small pieces are copied: each may be a view of much more memory.
  let held: Buffer = Buffer.alloc(0);
  let filled = 0;
  try {
    for await (const piece of pieces) {
      for (let from = 0; from < piece.length; ) {
        if (filled === 0 && piece.length - from >= FEWEST_BYTES) {
          yield piece.subarray(from, from + MOST_BYTES);
          from += MOST_BYTES;
        } else {
          if (filled === 0) held = Buffer.allocUnsafe(FEWEST_BYTES);
          const copied = piece.copy(held, filled, from);
          from += copied;
          filled += copied;
          if (filled < FEWEST_BYTES) continue;
          filled = 0;
          yield held;
        }
        await setImmediate();
      }
    }
  } catch (error) {
    if (filled > 0) yield held.subarray(0, filled);
    throw error;
  }
  if (filled > 0) yield held.subarray(0, filled);
}
