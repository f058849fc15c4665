import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import type { Counts } from '../../src/core/batch.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { OperationRegistry } from '../../src/core/operation.ts';
import { succeededLine } from '../../src/core/result.ts';
import type { FailureSummary } from '../../src/core/tally.ts';
import type { HeldLease } from '../../src/engine/lease-keeper.ts';
import type { ChunkLines, ResultFile, WrittenResults } from '../../src/engine/ports/batch-results.ts';
import type { BatchClaim } from '../../src/engine/ports/claims.ts';
import type { ObjectStore, PutOptions } from '../../src/engine/ports/object-store.ts';
import { type WriteResults, writeResults } from '../../src/engine/write-results.ts';
import { csvDescription } from '../../src/formats/description.ts';
import type { OpenScratch } from '../../src/formats/scratch.ts';

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const INPUT = Buffer.from('id\na\nb\nc\nd\n');
export const PARTS = [1, 3].map((first) =>
  Buffer.from([first, first + 1].map((n) => `${JSON.stringify(succeededLine(n, {}, 1))}\n`).join('')),
);

/** Objects in memory, each under the last part of its key. */
export function store() {
  const objects = new Map<string, Buffer>([['input', INPUT]]);
  const options = new Map<string, PutOptions & { expectedBytes?: number }>();
  const name = (key: string) => key.slice(key.lastIndexOf('/') + 1);
  const given: Pick<ObjectStore, 'read' | 'put' | 'putStream'> = {
    read: async (key, { range } = {}) => {
      const bytes = objects.get(key) ?? Buffer.from('nothing');
      return Readable.from([bytes.subarray(range?.start ?? 0, range?.end ?? bytes.length)]);
    },
    put: async (key, body) => void objects.set(name(key), body),
    putStream: async (key, body, put = {}) => {
      options.set(name(key), put);
      const { signal } = put;
      const abort = () => void body.destroy(signal?.reason as Error);
      signal?.addEventListener('abort', abort);
      objects.set(name(key), await buffer(body));
      signal?.removeEventListener('abort', abort);
    },
  };
  return { objects, options, given };
}

export const part = (index: number) => `parts/${sha256(PARTS[index]!)}`;

export function chunks(): ChunkLines[] {
  return [0, 1].map((index) => {
    const bytes = { start: 3 + 4 * index, end: 7 + 4 * index };
    const sum = sha256(INPUT.subarray(bytes.start, bytes.end));
    return {
      range: { number: index + 1, firstRecord: 1 + 2 * index, records: 2, ...bytes, sha256: sum },
      repeatedIds: [],
      part: part(index),
      validationPart: null,
      ...{ succeeded: 2, failed: 0, invalid: 0 },
    };
  });
}

export const claim: BatchClaim = {
  ...{
    kind: 'batch',
    stage: 'write_results',
    status: 'writing_results',
    lease: 'l',
    attempts: 1,
    crashes: 0,
  },
  ...{
    batchId: 'b',
    accountLimits: {},
    accountId: 'a',
    operation: 'o',
    operationVersion: 1,
    chunkCount: 2,
    total: 4,
  },
  ...{ mapping: {}, customId: null, dryRun: false, rejected: false, resultsFormats: ['ndjson', 'csv'] },
  ...{ inputKey: 'input', statedHash: null, hash: null, conversion: null, format: UNSTATED },
  ...{ uploadId: 'u', uploadKey: 'u' },
  upload: { bytes: INPUT.length, etag: 'e' },
  retry: null,
  onDuplicateFile: 'allow',
  read: csvDescription({ bom: false, columns: [{ name: 'id', field: 'id' }] }),
};

interface WriteOptions {
  signal: AbortSignal;
  openScratch: OpenScratch;
}

export async function write(
  { given }: ReturnType<typeof store>,
  lines: readonly ChunkLines[],
  options: Partial<BatchClaim> = {},
  { signal = new AbortController().signal, openScratch = tempFileScratch }: Partial<WriteOptions> = {},
) {
  const finished: { files: readonly ResultFile[]; counts: Counts; failures: FailureSummary }[] = [];
  const done: number[] = [];
  let alive = 0;
  const engine = {
    operations: new OperationRegistry([]),
    objects: Object.assign(given, { bytesOf: async () => 0 }),
    openScratch,
    work: {
      async *chunkLines() {
        yield* lines;
      },
      callsOut: async () => false,
      finishResults: async (_: BatchClaim, { files, counts, failures }: WrittenResults) => {
        finished.push({ files, counts, failures });
      },
    },
    settings: { cellBytes: 100 },
  } as unknown as WriteResults;
  const lease: HeldLease = {
    signal,
    alive: () => {
      alive += 1;
    },
    progress: (records) => void done.push(records),
  };
  await writeResults(engine, { ...claim, ...options }, lease);
  return { finished: finished[0], done, alive };
}
