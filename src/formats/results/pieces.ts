import { LF } from '../line-ends.ts';
import type { ResultChunk } from './result-chunk.ts';

/** As much of a result file as is made at once: between two pieces the process answers others. */
export const PIECE_BYTES = 1024 * 1024;

/** Joins texts to pieces, each larger than `PIECE_BYTES` by one text at the most (a UTF-16 unit counts as a byte). */
export function* piecesOfText(texts: Iterable<string>): Generator<string> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE_BYTES) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** As `piecesOfText`, of bytes. */
function* piecesOfBytes(parts: Iterable<Buffer>): Generator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for (const part of parts) {
    held.push(part);
    bytes += part.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}

/** What is made of each place, one by one as it is asked for. */
export function* each<Made>(places: readonly number[], make: (index: number) => Made): Generator<Made> {
  for (const index of places) yield make(index);
}

/** The unprocessed records of a chunk as the client sent them, each with a line end. */
export function slicesOf(chunk: ResultChunk, lineEnd: string): Generator<Buffer> {
  const slices = chunk.results.places('unprocessed').map((index) => chunk.client.slice(index));
  const last = slices.at(-1);
  const whole = last === undefined || last.at(-1) === LF;
  return piecesOfBytes(whole ? slices : [...slices, Buffer.from(lineEnd)]);
}
