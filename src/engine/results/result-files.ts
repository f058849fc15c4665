import type { ResultsFormat } from '../../core/batch.ts';
import type { ChunkResults } from '../../formats/results/chunk-results.ts';
import { type FileContent, type FileKind, recordsIn } from '../../formats/results/file-content.ts';
import type { ResultChunk } from '../../formats/results/result-chunk.ts';
import type { OpenScratch } from '../../formats/scratch.ts';
import { resultKey } from '../keys.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { ResultFile } from '../ports/batch-results.ts';
import type { BatchClaim } from '../ports/claims.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ResultFileWriter } from '../result-file.ts';
import { expectedBytes } from './expected-bytes.ts';
import { type OpenFile, openFile } from './open-file.ts';

/** A file that could not be written, or a field of its lines. */
export interface Omission {
  kind: FileKind;
  format: ResultsFormat;
  field?: 'custom_id';
  why: string;
}

const CONTENT_TYPES: Record<ResultsFormat, string> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

/** The result files of a batch while they are written, all side by side. */
export class ResultFiles {
  readonly omitted: Omission[] = [];
  readonly #withCustomIds: boolean;
  #open: OpenFile[];

  constructor(
    engine: { objects: Pick<ObjectStore, 'putStream'>; openScratch: OpenScratch },
    claim: BatchClaim,
    contents: readonly FileContent[],
    { signal, alive }: Pick<HeldLease, 'signal' | 'alive'>,
  ) {
    const { objects, openScratch } = engine;
    this.#withCustomIds = claim.customId !== null;
    this.#open = contents.map((content) => {
      const { kind, format } = content;
      const key = resultKey(claim.batchId, claim.lease, `${kind}.${format}`);
      const writer = new ResultFileWriter(
        objects,
        { kind, format, key },
        { contentType: CONTENT_TYPES[format], signal, alive, ...expectedBytes(content, claim) },
      );
      return openFile(content, writer, openScratch);
    });
  }

  /** Whether a file repeats what the client sent of a chunk with these results. */
  repeatInput(results: ChunkResults): boolean {
    return this.#open.some(({ content }) => content.repeatsInput && recordsIn(content, results) > 0);
  }

  async begin(): Promise<void> {
    await Promise.all(this.#open.map((file) => file.begin()));
  }

  /** @param lost why what the client sent is not there, where it is not: files that repeat it are given up then */
  async write(chunk: ResultChunk, lost: string | null): Promise<void> {
    const { results } = chunk;
    const hasMade = !results.settled && results.count('failed') < results.records;
    if (lost !== null && !chunk.hasClient && hasMade) this.#omitCustomIds(lost);
    for (const file of this.#open) {
      const records = recordsIn(file.content, chunk.results);
      if (records === 0) continue;
      if (file.content.repeatsInput && !chunk.hasClient)
        await this.omit(file.content, lost ?? 'the input was not read');
      else await file.write(chunk, records);
    }
  }

  async omit({ kind, format }: Pick<FileContent, 'kind' | 'format'>, why: string): Promise<void> {
    this.omitted.push({ kind, format, why });
    const given = this.#open.filter(({ content }) => content.kind === kind && content.format === format);
    this.#open = this.#open.filter((file) => !given.includes(file));
    await Promise.all(given.map((file) => file.abandon(new Error(why))));
  }

  /** Lines that are made for a chunk that was not settled get their `custom_id` from the input. */
  #omitCustomIds(why: string): void {
    const told = this.omitted.some(({ field }) => field === 'custom_id');
    const open = this.#open.some(({ content }) => content.kind === 'all' && content.format === 'ndjson');
    if (!this.#withCustomIds || told || !open) return;
    this.omitted.push({ kind: 'all', format: 'ndjson', field: 'custom_id', why });
  }

  async finish(): Promise<ResultFile[]> {
    return await Promise.all(this.#open.map((file) => file.finish()));
  }

  async abandon(reason: Error): Promise<void> {
    await Promise.all(this.#open.map((file) => file.abandon(reason)));
  }
}
