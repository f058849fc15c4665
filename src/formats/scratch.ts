/**
 * Room for bytes outside of memory while one file is read or written. What is appended can be read at once; everything is
 * gone when it is closed, and when the process dies.
 */
export interface Scratch {
  /** How many bytes were appended. */
  readonly bytes: number;
  /** Keeps a copy: the buffer may be overwritten afterwards. */
  append(bytes: Buffer): Promise<void>;
  /** The bytes `[start, end)`, all of which were appended before. */
  read(start: number, end: number): Promise<Buffer>;
  /** May be called more than once. */
  close(): Promise<void>;
}

export type OpenScratch = () => Promise<Scratch>;
