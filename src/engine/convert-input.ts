import type { Encoding } from '../core/file-format.ts';
import type { OperationRegistry } from '../core/operation.ts';
import type { ReadingOptions } from '../formats/conversion.ts';
import { type ConversionSource, type ConvertedFile, convertFile } from '../formats/convert/convert-file.ts';
import type { OpenScratch } from '../formats/scratch.ts';
import { bindInput, operationOf, readingOptions } from './bind-input.ts';
import { batchPrefix, convertedKey } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { WorkStore } from './ports/work-store.ts';
import { ProvenCopy } from './proven-copy.ts';
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
  const copy = await ProvenCopy.read(engine.objects, claim, lease);
  let outcome = await convertOnce(engine, claim, lease, copy, {
    ...options,
    encoding: claim.conversion?.encoding ?? null,
  });
  // Only its end showed in which encoding a compressed text is.
  if ('again' in outcome) {
    outcome = await convertOnce(engine, claim, lease, copy, { ...options, encoding: outcome.again });
  }
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

async function convertOnce(
  engine: ConvertInput,
  claim: BatchClaim,
  lease: HeldLease,
  copy: ProvenCopy,
  options: ReadingOptions & { encoding: Encoding | null },
): Promise<ConvertedFile | { again: Encoding }> {
  const key = convertedKey(claim.batchId, claim.lease);
  const target = new StreamedObject(engine.objects, key, { signal: lease.signal });
  const source: ConversionSource = {
    bytes: copy.bytes,
    read: async (range) => copy.pieces(range),
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
