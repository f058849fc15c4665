import type { FileFault } from '../../core/errors.ts';

/**
 * A step on the way from the bytes of a file to lines of UTF-8, piece by piece, however the pieces are cut. It holds a few
 * bytes at most, whatever the text.
 */
export interface TextStep {
  /** What comes out for the next bytes, which stay as they are: they may be what comes out. After a fault nothing does. */
  push(piece: Buffer): Buffer;
  /** The text is over: what was held back. */
  finish(): Buffer;
  /**
   * What is wrong with the text as a whole: what came before it has come out. The offset counts what was pushed.
   */
  readonly fault: FileFault | undefined;
}

export const NO_BYTES = Buffer.alloc(0);
