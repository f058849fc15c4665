import { setMaxListeners } from 'node:events';
import { type Counts, statusesBefore } from '../core/batch.ts';
import { isFinal, PermanentFault, RetryableFault } from '../core/errors.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { type FailureSummary, NO_FAILURES } from '../core/tally.ts';
import { fileContents, ownFormat } from '../formats/results/file-contents.ts';
import type { OpenScratch } from '../formats/scratch.ts';
import { batchPrefix } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { WorkStore } from './ports/work-store.ts';
import { addFailures } from './results/add-failures.ts';
import { awaitOutcomes } from './results/await-outcomes.ts';
import { checkFiles } from './results/check-files.ts';
import { type ChunkReader, readResultChunk } from './results/chunk-reader.ts';
import { describeInput } from './results/describe-input.ts';
import { InputReader } from './results/input-reader.ts';
import { putManifest } from './results/put-manifest.ts';
import { readAhead } from './results/read-ahead.ts';
import { ResultFiles } from './results/result-files.ts';
import type { EngineSettings } from './settings.ts';

export interface WriteResults {
  operations: OperationRegistry;
  objects: ObjectStore;
  openScratch: OpenScratch;
  work: Pick<WorkStore, 'chunkLines' | 'callsOut' | 'finishResults'>;
  settings: EngineSettings;
}

/** Chunks read ahead while one is written: enough to hide the store's latency, a few megabytes of memory. */
const CHUNKS_AT_ONCE = 4;

const NOTHING_COUNTED: Counts = { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 };

/**
 * Streams the chunks' parts, in the file's order, into the result files, hashes them on the way, and names them in
 * the transaction that sets the terminal status. A second run writes to keys of its own lease.
 * @throws {PermanentFault} input_gone, input_changed: of parts, and of an input that the batch can fail for
 */
export async function writeResults(engine: WriteResults, claim: BatchClaim, held: HeldLease): Promise<void> {
  const lease = { ...held, signal: forMany(held.signal) };
  if (claim.total === null) {
    // It was cancelled before its records were counted: there is nothing to tell.
    const storedBytes = await engine.objects.bytesOf(batchPrefix(claim.batchId), { signal: lease.signal });
    const written = { files: [], counts: NOTHING_COUNTED, failures: NO_FAILURES, storedBytes };
    await engine.work.finishResults(claim, written);
    return;
  }
  await awaitOutcomes(engine.work, claim, lease);
  const input = new InputReader(engine.objects, claim, lease.signal);
  const operation = engine.operations.get(claim.operation, claim.operationVersion);
  const { description, fields, head, headless } = await describeInput(engine.work, claim, input, operation);
  // In `validating` the file was bad or the run dry.
  const nothingProcessed = claim.status === 'validating';
  const contents = fileContents({
    description,
    formats: claim.resultsFormats,
    fields,
    withCustomIds: claim.customId !== null,
    nothingProcessed,
    ...(head !== undefined && { head }),
  });
  const files = new ResultFiles(engine, claim, contents, lease);
  try {
    if (headless !== undefined)
      await files.omit({ kind: 'unprocessed', format: ownFormat(description) }, headless);
    const { objects, settings } = engine;
    let failures: FailureSummary = NO_FAILURES;
    const counts = await writeChunks(engine, claim, lease, files, {
      batchId: claim.batchId,
      objects,
      input,
      description,
      customId: claim.customId,
      cellBytes: settings.cellBytes,
      signal: lease.signal,
      repeatsInput: (results) => files.repeatInput(results),
      failedWithoutPart: (more) => {
        failures = addFailures(failures, more);
      },
    });
    const written = await files.finish();
    checkFiles(written, counts, { total: claim.total, nothingProcessed });
    const told = { counts, files: written, omitted: files.omitted };
    const manifest = await putManifest(objects, claim, told, lease.signal);
    // All of it, also what earlier leases have left behind.
    const storedBytes = await objects.bytesOf(batchPrefix(claim.batchId), { signal: lease.signal });
    await engine.work.finishResults(claim, { files: [...written, manifest], counts, failures, storedBytes });
  } catch (error) {
    await files.abandon(error instanceof Error ? error : new Error(String(error)));
    throw ifBelieved(engine, claim, error);
  }
}

/**
 * A batch that cannot fail ends without its files for want of what they are made of, and expires at once (`giveUp`). As
 * that cannot be taken back, and the store may have lost nothing but been the wrong one, it is looked for as often as any
 * step is tried.
 */
function ifBelieved({ settings }: WriteResults, { status, attempts }: BatchClaim, error: unknown): unknown {
  if (!(error instanceof PermanentFault && isFinal(error))) return error;
  if (statusesBefore('failed').includes(status) || attempts >= settings.maxAttempts) return error;
  return new RetryableFault(error.message, { cause: error });
}

/** Every file and every read that is under way listens to it: more than Node thinks usual. */
function forMany(signal: AbortSignal): AbortSignal {
  const same = AbortSignal.any([signal]);
  setMaxListeners(0, same);
  return same;
}

async function writeChunks(
  engine: WriteResults,
  claim: BatchClaim,
  lease: HeldLease,
  files: ResultFiles,
  reader: ChunkReader,
): Promise<Counts> {
  const counts = { total: 0, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 };
  await files.begin();
  const lines = engine.work.chunkLines(claim.batchId);
  for await (const chunk of readAhead(lines, CHUNKS_AT_ONCE, (it) => readResultChunk(reader, it))) {
    await files.write(chunk, reader.input.lost);
    counts.total += chunk.results.records;
    counts.succeeded += chunk.results.count('succeeded');
    counts.failed += chunk.results.count('failed');
    counts.skipped += chunk.results.count('skipped');
    counts.unprocessed += chunk.results.count('unprocessed');
    lease.progress(counts.total);
  }
  return counts;
}
