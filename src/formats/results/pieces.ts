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
export function* piecesOfBytes(parts: Iterable<Buffer>): Generator<Buffer> {
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
