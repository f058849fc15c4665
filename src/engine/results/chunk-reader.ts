import { PermanentFault } from '../../core/errors.ts';
import { REPEATED_ID } from '../../core/repeated-id.ts';
import { failedLine, shortened, skippedLine } from '../../core/result.ts';
import { type FailureSummary, summarise } from '../../core/tally.ts';
import { customIdReader } from '../../formats/custom-id.ts';
import type { InputDescription } from '../../formats/description.ts';
import { ChunkResults, soughtIn, unprocessedResults } from '../../formats/results/chunk-results.ts';
import { ClientChunk } from '../../formats/results/client-chunk.ts';
import { ResultChunk } from '../../formats/results/result-chunk.ts';
import { sha256OfPart } from '../keys.ts';
import type { ChunkLines } from '../ports/batch-results.ts';
import { ObjectGone, type ObjectStore } from '../ports/object-store.ts';
import { readProven } from '../read-proven.ts';
import type { InputReader } from './input-reader.ts';
import { journaledLines } from './journaled-lines.ts';

const NO_BYTES = Buffer.alloc(0);

/** Reads what the result files are made of, chunk by chunk: the part, and the input where a file repeats it. */
export interface ChunkReader {
  batchId: string;
  objects: Pick<ObjectStore, 'read'>;
  input: InputReader;
  description: InputDescription;
  customId: string | null;
  cellBytes: number;
  signal: AbortSignal;
  /** Whether a file needs what the client sent of a chunk with these results. */
  repeatsInput: (results: ChunkResults) => boolean;
  /** Is told what records failed whose results no part holds. */
  failedWithoutPart: (failures: FailureSummary) => void;
}

/** @throws {PermanentFault} input_gone, input_changed: of a part; of the input as `InputReader` does */
export async function readResultChunk(reader: ChunkReader, lines: ChunkLines): Promise<ResultChunk> {
  reader.signal.throwIfAborted();
  const { part, validationPart } = lines;
  if (part !== null) {
    const results = new ChunkResults(
      await readPart(reader, lines, part),
      lines.range,
      'succeeded',
      soughtIn(lines.range),
    );
    if (results.count('succeeded') !== lines.succeeded || results.count('failed') !== lines.failed) {
      throw new Error(`the part ${part} does not hold ${lines.succeeded} and ${lines.failed} lines`);
    }
    const client = reader.repeatsInput(results) ? await readClient(reader, lines) : null;
    return new ResultChunk(results.withSources(lines.range, reader.batchId), client);
  }
  const failed = validationPart === null ? NO_BYTES : await readPart(reader, lines, validationPart);
  const early = reader.customId === null ? null : await readClient(reader, lines);
  const results = withoutPart(reader, lines, failed, early);
  const needed = early === null && reader.repeatsInput(results);
  const client = needed ? await readClient(reader, lines) : early;
  return new ResultChunk(results.withSources(lines.range, reader.batchId), client);
}

async function readPart(
  { objects, batchId, signal }: ChunkReader,
  { range }: ChunkLines,
  key: string,
): Promise<Buffer> {
  const what = `the results of chunk ${range.number} of batch ${batchId}`;
  try {
    const bytes = await readProven(objects, key, sha256OfPart(key), { signal });
    if (bytes !== null) return bytes;
  } catch (error) {
    if (!(error instanceof ObjectGone)) throw error;
    throw new PermanentFault('input_gone', `${what} are gone`, { cause: error });
  }
  throw new PermanentFault('input_changed', `${what} are not what was written`);
}

/** `null`: it is not there any more. */
async function readClient(reader: ChunkReader, { range }: ChunkLines): Promise<ClientChunk | null> {
  const { firstRecord, records, start, fault } = range;
  const place = { firstRecord, records, start, limits: { cellBytes: reader.cellBytes } };
  // There may be more of it than memory holds.
  if (fault !== undefined) return new ClientChunk(NO_BYTES, reader.description, place, fault);
  const bytes = await reader.input.chunk(range);
  if (bytes === null) return null;
  const client = new ClientChunk(bytes, reader.description, place);
  const { mismatch } = client;
  if (mismatch === null) return client;
  reader.input.lose(new Error(mismatch));
  return null;
}

/** The chunk was not settled: what is known to be bad has failed, its journal knows of some, the rest is unprocessed. */
function withoutPart(
  reader: ChunkReader,
  { range, repeatedIds, journal = [] }: ChunkLines,
  failed: Buffer,
  client: ClientChunk | null,
): ChunkResults {
  const column = reader.customId;
  const idOf = column === null ? null : customIdReader(reader.description, column);
  const customId = (index: number) => (client === null ? undefined : idOf?.(client.row(index)));
  const known: string[] = [];
  if (range.fault !== undefined) {
    const { code, message } = range.fault;
    known.push(lineOf(range.firstRecord, { code, message }));
  }
  for (const place of range.sources?.skipped ?? []) {
    const line = skippedLine(range.firstRecord + place, customId(place));
    known.push(`${JSON.stringify(line)}\n`);
  }
  for (const record of repeatedIds) {
    const id = customId(record - range.firstRecord);
    known.push(lineOf(record, repeatedId(column, id), id));
  }
  const idOfRecord = (record: number) => customId(record - range.firstRecord);
  const tried = journaledLines(journal, reader.description, idOfRecord);
  if (tried.length > 0) reader.failedWithoutPart(summarise(tried));
  const told = Buffer.from(tried.map((line) => `${JSON.stringify(line)}\n`).join(''));
  // A line of the part tells more than what was found out about the record elsewhere.
  return unprocessedResults(range, [Buffer.from(known.join('')), failed, told], customId);
}

function lineOf(record: number, error: { code: string; message: string }, customId?: string): string {
  return `${JSON.stringify(failedLine(record, [error], 0, customId))}\n`;
}

function repeatedId(column: string | null, id: string | undefined) {
  return {
    ...REPEATED_ID,
    ...(column !== null && { column: shortened(column) }),
    ...(id !== undefined && { value: shortened(id) }),
  };
}
