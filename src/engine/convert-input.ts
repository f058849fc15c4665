import { createHash } from 'node:crypto';
import { PermanentFault } from '../core/errors.ts';
import type { Encoding } from '../core/file-format.ts';
import type { OperationRegistry } from '../core/operation.ts';
import type { ReadingOptions } from '../formats/conversion.ts';
import { type ConversionSource, type ConvertedFile, convertFile } from '../formats/convert/convert-file.ts';
import type { OpenScratch } from '../formats/scratch.ts';
import { bindInput, operationOf, readingOptions } from './bind-input.ts';
import { batchPrefix, convertedKey } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import { ObjectGone, type ObjectStore } from './ports/object-store.ts';
import type { WorkStore } from './ports/work-store.ts';
import { correctChunks } from './retry/correct-chunks.ts';
import type { EngineSettings } from './settings.ts';
import { StreamedObject } from './streamed-object.ts';

export interface ConvertInput {
  operations: OperationRegistry;
  objects: ObjectStore;
  openScratch: OpenScratch;
  work: Pick<WorkStore, 'finishConversion' | 'retrySources' | 'chunkLines'>;
  settings: EngineSettings;
}

/**
 * Turns a private copy that cannot be cut as it is (compressed, a workbook, another encoding) into text that can, and
 * cuts it on the way. Running twice is harmless: each lease writes to a key of its own, and only the holder's is named.
 */
export async function convertInput(engine: ConvertInput, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const operation = operationOf(engine.operations, claim);
  const options = readingOptions(operation, claim, engine.settings);
  let outcome = await convertProven(engine, claim, lease, options, claim.conversion?.encoding ?? null);
  // Only its end showed in which encoding a compressed text is.
  if ('again' in outcome) outcome = await convertProven(engine, claim, lease, options, outcome.again);
  if ('again' in outcome) throw new Error(`the encoding ${outcome.again} was found when it was known`);
  const input = {
    inputKey: convertedKey(claim.batchId, claim.lease),
    chunks: outcome.chunks,
    total: outcome.records,
    storedBytes: await engine.objects.bytesOf(batchPrefix(claim.batchId), { signal: lease.signal }),
    ...bindInput(operation, claim, outcome),
  };
  await engine.work.finishConversion(claim, await correctChunks(engine, claim, lease, input));
}

/**
 * What was read is only proven by the hash of the whole: chunks have none before they are cut. Looked at last, so that
 * what is changed while it is converted is told as that, and neither as other records nor as damage of the client’s file.
 */
async function convertProven(
  engine: ConvertInput,
  claim: BatchClaim,
  lease: HeldLease,
  options: ReadingOptions,
  encoding: Encoding | null,
): Promise<ConvertedFile | { again: Encoding }> {
  let outcome: ConvertedFile | { again: Encoding };
  try {
    outcome = await convertOnce(engine, claim, lease, options, encoding);
  } catch (error) {
    // Of another length than it had, it looks as if the store had left something out.
    if (error instanceof PermanentFault || lease.signal.aborted) throw error;
    await proveCopy(engine, claim, lease);
    throw error;
  }
  await proveCopy(engine, claim, lease);
  return outcome;
}

async function proveCopy(engine: ConvertInput, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of await readInput(engine, claim, lease)) {
    hash.update(piece);
    lease.alive();
  }
  if (hash.digest('hex') === claim.hash) return;
  throw new PermanentFault('input_changed', 'the private copy of the file is not what was hashed');
}

async function convertOnce(
  engine: ConvertInput,
  claim: BatchClaim,
  lease: HeldLease,
  options: ReadingOptions,
  encoding: Encoding | null,
): Promise<ConvertedFile | { again: Encoding }> {
  const key = convertedKey(claim.batchId, claim.lease);
  const target = new StreamedObject(engine.objects, key, { signal: lease.signal });
  const source: ConversionSource = {
    bytes: claim.upload.bytes,
    read: (range) => readInput(engine, claim, lease, range),
    openScratch: engine.openScratch,
  };
  const write = async (piece: Buffer) => {
    lease.signal.throwIfAborted();
    lease.alive();
    await target.write(piece);
  };
  try {
    const { unpackedBytes } = engine.settings;
    const outcome = await convertFile(source, write, {
      ...options,
      encoding,
      unpackedBytes,
      progress: lease.progress,
    });
    if ('again' in outcome) await target.abandon(new Error('it is converted once more'));
    else await target.finish();
    return outcome;
  } catch (error) {
    await target.abandon(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function readInput(
  { objects }: Pick<ConvertInput, 'objects'>,
  { inputKey }: BatchClaim,
  { signal }: HeldLease,
  range?: { start: number; end: number },
): Promise<AsyncIterable<Buffer>> {
  try {
    if (inputKey === null) throw new ObjectGone('of the input');
    return await objects.read(inputKey, { signal, ...(range !== undefined && { range }) });
  } catch (error) {
    if (!(error instanceof ObjectGone)) throw error;
    throw new PermanentFault('input_gone', 'the private copy of the input is gone', { cause: error });
  }
}
