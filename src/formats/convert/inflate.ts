import { createInflateRaw } from 'node:zlib';
import { damaged, truncated } from './gzip-header.ts';
import type { PackedBytes } from './packed-bytes.ts';

/** What comes out at once, at most. */
const PIECE_BYTES = 256 * 1024;

interface Inflated {
  piece: Buffer;
  /** How many bytes of the file were needed for this piece and all before. */
  taken: number;
}

/**
 * Unpacks one run of deflated data (RFC 1951), and takes exactly its bytes. Node's own gunzip does not tell what it has
 * left untouched, and when a checksum is wrong it keeps back what it has unpacked.
 */
export async function* inflate(packed: PackedBytes): AsyncGenerator<Inflated> {
  const start = packed.taken;
  const engine = createInflateRaw({ chunkSize: PIECE_BYTES });
  let wake = () => {};
  let given = 0;
  let hungry = true;
  let ended = false;
  let failure: NodeJS.ErrnoException | undefined;
  const fed = () => {
    hungry = true;
    wake();
  };
  engine.on('readable', () => wake());
  engine.on('end', () => {
    ended = true;
    wake();
  });
  engine.on('error', (error) => {
    failure = error;
    wake();
  });
  try {
    for (;;) {
      const piece: Buffer | null = engine.read();
      if (piece !== null) {
        yield { piece, taken: start + engine.bytesWritten };
      } else if (failure !== undefined) {
        if (failure.code !== 'Z_DATA_ERROR') throw failure;
        throw damaged('its data cannot be unpacked', start + engine.bytesWritten);
      } else if (ended || (hungry && engine.bytesWritten < given)) {
        // The data is over: what it did not take is something else.
        break;
      } else if (hungry) {
        packed.skip(start + given - packed.taken);
        const next = await packed.peek();
        if (next === null) throw truncated(packed.taken);
        given += next.length;
        hungry = false;
        engine.write(next, fed);
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    packed.skip(start + engine.bytesWritten - packed.taken);
  } finally {
    engine.destroy();
  }
}
