import { createHash } from 'node:crypto';
import { UNSTATED } from '../../src/core/file-format.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { compare } from './rounds.ts';
import { benchFile, LIMITS, piecesOf } from './rows.ts';

/** The hashing pass against SHA-256 alone. Run: `node --import tsx bench/csv/index-pass.ts [rows]`. */
const rows = Number(process.argv[2] ?? 1_000_000);
const PIECES = [64 << 10, 1 << 20] as const;

for (const kind of ['sample', 'ascii', 'quoted'] as const) {
  const file = benchFile(kind, rows);
  const contestants = PIECES.flatMap((bytes) => {
    const pieces = [...piecesOf(file, bytes)];
    const named = (name: string) => `${name}, pieces of ${bytes >> 10} KB`;
    return [
      { name: named('SHA-256 of the file'), run: () => hashed(pieces, 1) },
      { name: named('SHA-256 twice'), run: () => hashed(pieces, 2) },
      { name: named('FileIndexer'), run: () => indexed(pieces) },
    ];
  });
  compare(kind, contestants, { bytes: file.length, records: rows });
}

/** What the pass cannot go below: every byte is in the hash of the file and in that of a chunk. */
function hashed(pieces: readonly Buffer[], times: number): number {
  const hashes = Array.from({ length: times }, () => createHash('sha256'));
  for (const piece of pieces) for (const hash of hashes) hash.update(piece);
  for (const hash of hashes) hash.digest('hex');
  return 0;
}

function indexed(pieces: readonly Buffer[]): number {
  const indexer = new FileIndexer({ limits: LIMITS, format: UNSTATED, known: new Set() });
  for (const piece of pieces) indexer.push(piece);
  return indexer.finish().records;
}
