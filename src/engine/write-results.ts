import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Counts } from '../core/batch.ts';
import type { ResultLine } from '../core/result.ts';
import { resultKey, sha256OfPart } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { BatchClaim, ChunkLines, ResultFile, WorkStore } from './ports/work-store.ts';
import { ResultFileWriter } from './result-file.ts';

export interface WriteResults {
  objects: ObjectStore;
  work: Pick<WorkStore, 'chunkLines' | 'finishResults'>;
}

/** Parts read ahead while one is written: enough to hide the store's latency, a few megabytes of memory. */
const PARTS_AT_ONCE = 4;

/**
 * Streams the chunks' parts, in the file's order, into the result files, hashes them on the way, and names them in
 * the transaction that sets the terminal status. A second run writes to keys of its own lease.
 */
export async function writeResults(engine: WriteResults, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const open = (kind: 'all' | 'errors') =>
    new ResultFileWriter(
      engine.objects,
      { kind, format: 'ndjson', key: resultKey(claim.batchId, claim.lease, `${kind}.ndjson`) },
      { contentType: 'application/x-ndjson', signal: lease.signal },
    );
  const all = open('all');
  const errors = open('errors');
  try {
    const counts = await writeLines(engine, claim, lease, all, errors);
    const files = [await all.finish(), await errors.finish()];
    checkFiles(files, counts);
    files.push(await writeManifest(engine, claim, lease, files, counts));
    await engine.work.finishResults(claim, files, counts);
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    await Promise.all([all.abandon(reason), errors.abandon(reason)]);
    throw error;
  }
}

async function writeLines(
  engine: WriteResults,
  claim: BatchClaim,
  lease: HeldLease,
  all: ResultFileWriter,
  errors: ResultFileWriter,
): Promise<Counts> {
  const counts = { total: 0, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 };
  for await (const page of pagesOf(engine.work.chunkLines(claim.batchId), PARTS_AT_ONCE)) {
    lease.signal.throwIfAborted();
    const texts = await Promise.all(page.map((chunk) => linesOfChunk(engine.objects, chunk, lease.signal)));
    for (const [index, chunk] of page.entries()) {
      const text = texts[index]!;
      await all.write(text.all, chunk.records);
      await errors.write(text.failed, text.failedCount);
      counts.total += chunk.records;
      counts.failed += text.failedCount;
      if (chunk.part !== null) counts.succeeded += chunk.succeeded;
      else counts.unprocessed += chunk.records - text.failedCount;
    }
    lease.progress(counts.total);
  }
  return counts;
}

interface ChunkTexts {
  all: string | Buffer;
  failed: string;
  failedCount: number;
}

async function linesOfChunk(
  objects: ObjectStore,
  chunk: ChunkLines,
  signal: AbortSignal,
): Promise<ChunkTexts> {
  const key = chunk.part ?? chunk.validationPart;
  const bytes = key === null ? Buffer.alloc(0) : await readPart(objects, key, signal);
  if (chunk.part !== null) {
    const failed = chunk.failed === 0 ? [] : bytes.toString().split('\n').filter(isFailedLine);
    return { all: bytes, failed: joined(failed), failedCount: failed.length };
  }
  // Checked at the most: the bad records have lines already, the others get theirs here.
  const failed = bytes.toString().split('\n').filter(isFailedLine);
  const byRecord = new Map(failed.map((line) => [(JSON.parse(line) as ResultLine).record, line]));
  const all: string[] = [];
  for (let record = chunk.firstRecord; record < chunk.firstRecord + chunk.records; record += 1) {
    all.push(byRecord.get(record) ?? JSON.stringify({ record, status: 'unprocessed' } satisfies ResultLine));
  }
  return { all: joined(all), failed: joined(failed), failedCount: failed.length };
}

/** Lines are ours, with their keys in a fixed order (core/result.ts): no need to parse them to tell. */
function isFailedLine(line: string): boolean {
  return /^\{"record":\d+,"status":"failed"/.test(line);
}

function joined(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

async function readPart(objects: ObjectStore, key: string, signal: AbortSignal): Promise<Buffer> {
  const bytes = await buffer(await objects.read(key, { signal }));
  if (createHash('sha256').update(bytes).digest('hex') !== sha256OfPart(key)) {
    throw new Error(`the part ${key} is not what was written`);
  }
  return bytes;
}

async function* pagesOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let page: T[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length === size) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

/** The accounting, before anybody is told: one line per record, and every record in exactly one count. */
function checkFiles(files: readonly ResultFile[], counts: Counts): void {
  const [all, errors] = files;
  const counted = counts.succeeded + counts.failed + counts.skipped + counts.unprocessed;
  if (counted !== counts.total || all?.records !== counts.total || errors?.records !== counts.failed) {
    throw new Error(`the result files do not add up: ${JSON.stringify({ counts, files })}`);
  }
}

async function writeManifest(
  engine: WriteResults,
  claim: BatchClaim,
  lease: HeldLease,
  files: readonly ResultFile[],
  counts: Counts,
): Promise<ResultFile> {
  const manifest = {
    batch: claim.batchId,
    operation: claim.operation,
    counts,
    files: files.map(({ kind, format, bytes, sha256, records }) => ({
      kind,
      format,
      name: `${kind}.${format}`,
      bytes,
      sha256,
      records,
    })),
  };
  const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const key = resultKey(claim.batchId, claim.lease, 'manifest.json');
  await engine.objects.put(key, body, { contentType: 'application/json', signal: lease.signal });
  return {
    kind: 'manifest',
    format: 'json',
    key,
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    records: counts.total ?? 0,
  };
}
