import { setImmediate as turn } from 'node:timers/promises';
import type { ResultsFormat } from '../../core/batch.ts';
import type { ChunkResults } from '../../formats/results/chunk-results.ts';
import { type FileContent, type FileKind, recordsIn } from '../../formats/results/file-contents.ts';
import type { ResultChunk } from '../../formats/results/result-chunk.ts';
import { resultKey } from '../keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { BatchClaim, ResultFile } from '../ports/work-store.ts';
import { ResultFileWriter } from '../result-file.ts';

/** A file that could not be written, or a field of its lines. */
export interface Omission {
  kind: FileKind;
  format: ResultsFormat;
  field?: 'custom_id';
  why: string;
}

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' };

/** More than messages, codes, a status and a record's number take in any file of some size. */
const LINE_BYTES = 4096;
/** A control character takes one byte in a cell and six in JSON. */
const GROWTH = 6;

interface OpenFile {
  content: FileContent;
  writer: ResultFileWriter;
}

/** The result files of a batch while they are written, all side by side. */
export class ResultFiles {
  readonly omitted: Omission[] = [];
  readonly #withCustomIds: boolean;
  #open: OpenFile[];

  constructor(
    objects: Pick<ObjectStore, 'putStream'>,
    claim: BatchClaim,
    contents: readonly FileContent[],
    signal: AbortSignal,
  ) {
    this.#withCustomIds = claim.customId !== null;
    this.#open = contents.map((content) => {
      const { kind, format } = content;
      const key = resultKey(claim.batchId, claim.lease, `${kind}.${format}`);
      const options = { contentType: CONTENT_TYPES[format], signal, ...expectedBytes(content, claim) };
      return { content, writer: new ResultFileWriter(objects, { kind, format, key }, options) };
    });
  }

  /** Whether a file repeats what the client sent of a chunk with these results. */
  repeatInput(results: ChunkResults): boolean {
    return this.#open.some(({ content }) => content.repeatsInput && recordsIn(content.kind, results) > 0);
  }

  async begin(): Promise<void> {
    await Promise.all(this.#open.map(({ content, writer }) => writer.write(content.head, 0)));
  }

  /** @param lost why what the client sent is not there, where it is not: files that repeat it are given up then */
  async write(chunk: ResultChunk, lost: string | null): Promise<void> {
    if (lost !== null && !chunk.hasClient && chunk.results.count('unprocessed') > 0)
      this.#omitCustomIds(lost);
    const concerned = this.#open.flatMap((file) => {
      const records = recordsIn(file.content.kind, chunk.results);
      return records === 0 ? [] : [{ ...file, records }];
    });
    for (const { content, writer, records } of concerned) {
      if (content.repeatsInput && !chunk.hasClient)
        await this.omit(content, lost ?? 'the input was not read');
      else await writePieces(writer, content.of(chunk), records);
    }
  }

  async omit({ kind, format }: Pick<FileContent, 'kind' | 'format'>, why: string): Promise<void> {
    const given = this.#open.find(({ content }) => content.kind === kind && content.format === format);
    if (given === undefined) return;
    this.#open = this.#open.filter((file) => file !== given);
    this.omitted.push({ kind, format, why });
    await given.writer.abandon(new Error(why));
  }

  /** Lines of records that nobody has worked on get their `custom_id` from the input. */
  #omitCustomIds(why: string): void {
    const told = this.omitted.some(({ field }) => field === 'custom_id');
    const open = this.#open.some(({ content }) => content.kind === 'all' && content.format === 'ndjson');
    if (!this.#withCustomIds || told || !open) return;
    this.omitted.push({ kind: 'all', format: 'ndjson', field: 'custom_id', why });
  }

  async finish(): Promise<ResultFile[]> {
    return await Promise.all(this.#open.map(({ writer }) => writer.finish()));
  }

  async abandon(reason: Error): Promise<void> {
    await Promise.all(this.#open.map(({ writer }) => writer.abandon(reason)));
  }
}

/** Between two pieces the event loop turns: leases are kept and requests answered while a long chunk is written. */
async function writePieces(
  writer: ResultFileWriter,
  pieces: Iterable<string | Buffer>,
  records: number,
): Promise<void> {
  let counted = 0;
  for (const piece of pieces) {
    await writer.write(piece, records - counted);
    counted = records;
    await turn();
  }
}

/** Nobody can say how much a handler answers: the files with outputs are stored in parts that grow with them. */
function expectedBytes({ kind, format, cells }: FileContent, claim: BatchClaim): { expectedBytes?: number } {
  if (format === 'ndjson' && (kind === 'all' || kind === 'succeeded')) return {};
  const names = claim.read?.columns.reduce((sum, { name }) => sum + GROWTH * (name.length + 1), 0) ?? 0;
  // A record has all columns of the file there, whatever was sent of it.
  const line = LINE_BYTES + cells + (kind === 'failed' ? names : 0);
  return { expectedBytes: GROWTH * claim.upload.bytes + names + line * (1 + (claim.total ?? 0)) };
}
