import { LEARNER_COLUMNS, makeLearner } from '../../src/cli/sample/learner.ts';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import { csvLine } from '../../src/formats/csv/write.ts';

export const LIMITS = { records: 5000, bytes: 4 << 20, recordBytes: 8 << 20, cellBytes: 1 << 20 };

/**
 * `sample`: learners as the demo makes them, a fifth of the rows with quotes, names in many scripts. `ascii`: the
 * same with ASCII names. `quoted`: the sample with quotes around every cell.
 */
export type FileKind = 'sample' | 'ascii' | 'quoted';

/** A CSV file of so many rows of 8 columns and a header row, in memory. */
export function benchFile(kind: FileKind, rows: number): Buffer {
  const columns = LEARNER_COLUMNS.filter((column) => column !== 'joined_at');
  const random = new SeededRandom(1);
  const pieces: Buffer[] = [];
  let piece = csvLine(columns);
  for (let record = 1; record <= rows; record++) {
    const learner = makeLearner(record, random);
    const cells = columns.map((column) => (kind === 'ascii' ? ascii(learner[column]) : learner[column]));
    piece += kind === 'quoted' ? allQuoted(cells) : csvLine(cells);
    if (piece.length > 1 << 20 || record === rows) {
      pieces.push(Buffer.from(piece));
      piece = '';
    }
  }
  return Buffer.concat(pieces);
}

/** A file in pieces of equal length, as a stream gives it. */
export function* piecesOf(file: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < file.length; at += bytes) yield file.subarray(at, at + bytes);
}

function ascii(cell: string): string {
  return cell.replace(/[^\x20-\x7e]/g, 'x').replace(/[",]/g, ' ');
}

function allQuoted(cells: readonly string[]): string {
  return `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\r\n`;
}
