import { type ResultLine, unprocessedLine } from '../../core/result.ts';
import { LF } from '../line-ends.ts';

export type RecordStatus = ResultLine['status'];

const NO_BYTES = Buffer.alloc(0);
const FAILED = Buffer.from('"status":"failed"');

/** What `core/result.ts` begins the line of a failed record with, in bytes read as Latin-1: a character for each. */
const FAILED_LINE = /^\{"record":(\d+)(?:,"custom_id":"[^"\\]*(?:\\.[^"\\]*)*")?,"status":"failed"/;

/** The place of a record in its chunk, from 0, and where the bytes of its line are, the LF among them. */
interface FailedLine {
  index: number;
  start: number;
  end: number;
}

/**
 * The result lines of one chunk: exactly one for each record, in order; some have failed, and all others have one
 * status. The lines are ours, with their keys in a fixed order, so nobody has to parse them to tell: millions pass by.
 */
export class ChunkResults {
  readonly bytes: Buffer;
  readonly firstRecord: number;
  readonly records: number;
  readonly #others: RecordStatus;
  readonly #failed: ReadonlyMap<number, FailedLine>;
  #places: number[] | undefined;

  /**
   * @param others the status of those that have not failed
   * @throws {Error} when these are not lines of these records
   */
  constructor(
    bytes: Buffer,
    range: { firstRecord: number; records: number },
    others: 'succeeded' | 'unprocessed',
  ) {
    this.bytes = bytes;
    this.firstRecord = range.firstRecord;
    this.records = range.records;
    this.#others = others;
    const lines = countLines(bytes);
    if (lines !== range.records) {
      throw new Error(`${lines} lines for the ${range.records} records from ${range.firstRecord}`);
    }
    const failed = failedLines(bytes).map(({ record, ...line }) => {
      return { ...line, index: record - range.firstRecord };
    });
    const inOrder = failed.every(({ index }, at) => index < lines && index > (failed[at - 1]?.index ?? -1));
    if (!inOrder || (lines > 0 && !isFrom(bytes, range.firstRecord, lines))) {
      throw new Error(`these are not the lines of the ${range.records} records from ${range.firstRecord}`);
    }
    this.#failed = new Map(failed.map((line) => [line.index, line]));
  }

  count(status: RecordStatus): number {
    if (status === 'failed') return this.#failed.size;
    return status === this.#others ? this.records - this.#failed.size : 0;
  }

  /** Of the record at this place in the chunk, from 0. */
  status(index: number): RecordStatus {
    return this.#failed.has(index) ? 'failed' : this.#others;
  }

  /** The places in the chunk, from 0, of the records with this status. */
  places(status: RecordStatus | 'all'): readonly number[] {
    if (status === 'failed') return [...this.#failed.keys()];
    this.#places ??= Array.from({ length: this.records }, (_, index) => index);
    if (status === 'all' || this.count(status) === this.records) return this.#places;
    return this.count(status) === 0 ? [] : this.#places.filter((index) => !this.#failed.has(index));
  }

  /** The lines with this status, as they are. */
  only(status: RecordStatus): Buffer {
    if (this.count(status) === this.records) return this.bytes;
    if (this.count(status) === 0) return NO_BYTES;
    const failed = [...this.#failed.values()];
    if (status === 'failed')
      return Buffer.concat(failed.map(({ start, end }) => this.bytes.subarray(start, end)));
    const between = failed.map(({ start }, at) => this.bytes.subarray(failed[at - 1]?.end ?? 0, start));
    return Buffer.concat([...between, this.bytes.subarray(failed.at(-1)?.end)]);
  }

  /** The text of the line of a failed record, without its LF. */
  failedLine(index: number): string {
    const line = this.#failed.get(index);
    if (line === undefined) throw new Error(`the record at place ${index} of its chunk has not failed`);
    return this.bytes.toString('utf8', line.start, line.end - 1);
  }
}

/**
 * The lines of a chunk that was checked at the most: the bad records have lines already, the others get theirs here.
 *
 * @param failed lines of some of the records; a later list says more of a record than an earlier one
 * @param customId of a record, by its place in the chunk, where there is one
 */
export function unprocessedResults(
  range: { firstRecord: number; records: number },
  failed: readonly Buffer[],
  customId: (index: number) => string | undefined,
): ChunkResults {
  const byRecord = new Map<number, Buffer>();
  for (const bytes of failed) {
    for (const { record, start, end } of failedLines(bytes)) byRecord.set(record, bytes.subarray(start, end));
  }
  const pieces: Buffer[] = [];
  let made = '';
  for (let index = 0; index < range.records; index += 1) {
    const record = range.firstRecord + index;
    const line = byRecord.get(record);
    if (line === undefined) {
      made += `${JSON.stringify(unprocessedLine(record, customId(index)))}\n`;
    } else {
      pieces.push(Buffer.from(made), line);
      made = '';
    }
  }
  return new ChunkResults(Buffer.concat([...pieces, Buffer.from(made)]), range, 'unprocessed');
}

/** Whether the first line and the last are those of the records that they should be. */
function isFrom(bytes: Buffer, firstRecord: number, lines: number): boolean {
  const start = (record: number) => Buffer.from(`{"record":${record},`);
  const last = bytes.lastIndexOf(LF, -2) + 1;
  return (
    bytes.indexOf(start(firstRecord)) === 0 && bytes.indexOf(start(firstRecord + lines - 1), last) === last
  );
}

function countLines(bytes: Buffer): number {
  if (bytes.length > 0 && bytes.at(-1) !== LF) throw new Error('the last line of a part has no end');
  let lines = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

/** Found by what they hold, which no text in JSON can hold; another line’s output can, but not where a line has it. */
function failedLines(bytes: Buffer): { record: number; start: number; end: number }[] {
  const lines: { record: number; start: number; end: number }[] = [];
  for (let at = bytes.indexOf(FAILED); at !== -1; ) {
    const start = bytes.lastIndexOf(LF, at) + 1;
    const lf = bytes.indexOf(LF, at);
    const end = lf === -1 ? bytes.length : lf + 1;
    const found = FAILED_LINE.exec(bytes.toString('latin1', start, at + FAILED.length));
    if (found !== null) lines.push({ record: Number(found[1]), start, end });
    at = bytes.indexOf(FAILED, end);
  }
  return lines;
}
