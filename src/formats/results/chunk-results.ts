import { type ResultLine, unprocessedLine } from '../../core/result.ts';
import type { Sources } from '../../core/sources.ts';
import { LF } from '../line-ends.ts';
import { withSourceRecords } from './source-records.ts';

export type RecordStatus = ResultLine['status'];

const NO_BYTES = Buffer.alloc(0);

/** A status by which lines are found: that of all others in the chunk is known. */
type FoundStatus = 'failed' | 'succeeded' | 'skipped';

const FOUND_BY: Record<FoundStatus, Buffer> = {
  failed: Buffer.from('"status":"failed"'),
  succeeded: Buffer.from('"status":"succeeded"'),
  skipped: Buffer.from('"status":"skipped"'),
};

/** What `core/result.ts` begins the line of a record with, in bytes read as Latin-1: a character for each. */
const LINE_START = /^\{"record":(\d+)(?:,"source_record":\d+)?(?:,"custom_id":"[^"\\]*(?:\\.[^"\\]*)*")?,$/;

/** The place of a record in its chunk, from 0, and where the bytes of its line are, the LF among them. */
interface FoundLine {
  index: number;
  status: FoundStatus;
  start: number;
  end: number;
}

/**
 * The result lines of one chunk: exactly one for each record, in order. In most some have failed, and all others have
 * one status; in one that was stopped half way some have succeeded besides. The lines are ours, with their keys in a
 * fixed order, so nobody has to parse them to tell: millions pass by.
 */
export class ChunkResults {
  readonly bytes: Buffer;
  readonly firstRecord: number;
  readonly records: number;
  readonly #others: 'succeeded' | 'unprocessed';
  /** Those that have another status than the others, in order. */
  readonly #found: ReadonlyMap<number, FoundLine>;
  readonly #counts: Record<FoundStatus, number> = { failed: 0, succeeded: 0, skipped: 0 };
  readonly #sought: readonly FoundStatus[];
  #places: number[] | undefined;

  /**
   * @param others the status of those that are not found by theirs
   * @param sought by which status lines are found
   * @throws {Error} when these are not lines of these records
   */
  constructor(
    bytes: Buffer,
    range: { firstRecord: number; records: number },
    others: 'succeeded' | 'unprocessed',
    sought: readonly FoundStatus[] = ['failed'],
  ) {
    this.bytes = bytes;
    this.firstRecord = range.firstRecord;
    this.records = range.records;
    this.#others = others;
    this.#sought = sought;
    const lines = countLines(bytes);
    if (lines !== range.records) {
      throw new Error(`${lines} lines for the ${range.records} records from ${range.firstRecord}`);
    }
    const found = foundLines(bytes, sought).map(({ record, ...line }) => {
      return { ...line, index: record - range.firstRecord };
    });
    const inOrder = found.every(({ index }, at) => index < lines && index > (found[at - 1]?.index ?? -1));
    if (!inOrder || (lines > 0 && !isFrom(bytes, range.firstRecord, lines))) {
      throw new Error(`these are not the lines of the ${range.records} records from ${range.firstRecord}`);
    }
    this.#found = new Map(found.map((line) => [line.index, line]));
    for (const { status } of found) this.#counts[status] += 1;
  }

  /** The same with the numbers that the records have in the first batch of their lineage, if they are of a retry. */
  withSources({ sources }: { sources?: Sources }, batchId: string): ChunkResults {
    if (sources === undefined) return this;
    const { firstRecord, records } = this;
    const lines = withSourceRecords(this.bytes, sources, batchId);
    return new ChunkResults(lines, { firstRecord, records }, this.#others, this.#sought);
  }

  /** Whether its lines are those of a part, and not made of what is known of a chunk that was stopped. */
  get settled(): boolean {
    return this.#others === 'succeeded';
  }

  count(status: RecordStatus): number {
    if (status === this.#others) return this.records - this.#found.size;
    return status === 'unprocessed' ? 0 : this.#counts[status];
  }

  /** Of the record at this place in the chunk, from 0. */
  status(index: number): RecordStatus {
    return this.#found.get(index)?.status ?? this.#others;
  }

  /** The places in the chunk, from 0, of the records with this status. */
  places(status: RecordStatus | 'all'): readonly number[] {
    if (status !== 'all' && status !== this.#others) return this.#with(status).map(({ index }) => index);
    this.#places ??= Array.from({ length: this.records }, (_, index) => index);
    if (status === 'all' || this.#found.size === 0) return this.#places;
    return this.count(status) === 0 ? [] : this.#places.filter((index) => !this.#found.has(index));
  }

  /** The lines with this status, as they are. */
  only(status: RecordStatus): Buffer {
    if (this.count(status) === this.records) return this.bytes;
    if (this.count(status) === 0) return NO_BYTES;
    if (status !== this.#others) {
      return Buffer.concat(this.#with(status).map(({ start, end }) => this.bytes.subarray(start, end)));
    }
    const found = [...this.#found.values()];
    const between = found.map(({ start }, at) => this.bytes.subarray(found[at - 1]?.end ?? 0, start));
    return Buffer.concat([...between, this.bytes.subarray(found.at(-1)?.end)]);
  }

  #with(status: RecordStatus): FoundLine[] {
    return [...this.#found.values()].filter((line) => line.status === status);
  }

  /** The text of the line of a failed record, without its LF. */
  failedLine(index: number): string {
    const line = this.#found.get(index);
    if (line?.status !== 'failed')
      throw new Error(`the record at place ${index} of its chunk has not failed`);
    return this.bytes.toString('utf8', line.start, line.end - 1);
  }
}

/**
 * The lines of a chunk that was not settled: records of which something is known have lines already, the others get
 * theirs here.
 *
 * @param known lines of some of the records; a later list says more of a record than an earlier one
 * @param customId of a record, by its place in the chunk, where there is one
 */
export function unprocessedResults(
  range: { firstRecord: number; records: number },
  known: readonly Buffer[],
  customId: (index: number) => string | undefined,
): ChunkResults {
  const byRecord = new Map<number, Buffer>();
  for (const bytes of known) {
    for (const { record, start, end } of foundLines(bytes, EITHER)) {
      byRecord.set(record, bytes.subarray(start, end));
    }
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
  return new ChunkResults(Buffer.concat([...pieces, Buffer.from(made)]), range, 'unprocessed', EITHER);
}

const EITHER: readonly FoundStatus[] = ['failed', 'succeeded', 'skipped'];

/** By which status lines of a part are found: in a correction some may be skipped. */
export function soughtIn({ sources }: { sources?: Sources }): readonly FoundStatus[] {
  return sources?.skipped === undefined ? ['failed'] : ['failed', 'skipped'];
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

/** The lines with one of these statuses, in their order. */
function foundLines(bytes: Buffer, sought: readonly FoundStatus[]): FoundRecord[] {
  const [first, ...more] = sought.map((status) => linesWith(bytes, status));
  if (first === undefined || more.length === 0) return first ?? [];
  return first.concat(...more).sort((a, b) => a.start - b.start);
}

type FoundRecord = Omit<FoundLine, 'index'> & { record: number };

/** Found by what they hold, which no text in JSON can hold; another line’s output can, but not where a line has it. */
function linesWith(bytes: Buffer, status: FoundStatus): FoundRecord[] {
  const lines: FoundRecord[] = [];
  const mark = FOUND_BY[status];
  for (let at = bytes.indexOf(mark); at !== -1; ) {
    const start = bytes.lastIndexOf(LF, at) + 1;
    const lf = bytes.indexOf(LF, at);
    const end = lf === -1 ? bytes.length : lf + 1;
    const found = LINE_START.exec(bytes.toString('latin1', start, at));
    if (found !== null) lines.push({ record: Number(found[1]), status, start, end });
    at = bytes.indexOf(mark, end);
  }
  return lines;
}
