import { createHash } from 'node:crypto';
import { PermanentFault, RetryableFault } from '../core/errors.ts';
import type { OperationRegistry } from '../core/operation.ts';
import type { ReadingOptions } from '../formats/conversion.ts';
import { type FileIndex, FileIndexer } from '../formats/index-pass.ts';
import { bindInput, operationOf, readingOptions } from './bind-input.ts';
import { inputKey } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { ObjectChanged, ObjectGone } from './ports/object-store.ts';
import type { WorkStore } from './ports/work-store.ts';
import { correctChunks } from './retry/correct-chunks.ts';
import type { EngineSettings } from './settings.ts';

export interface CopyUpload {
  operations: OperationRegistry;
  objects: ObjectStore;
  work: Pick<WorkStore, 'rejectHash' | 'finishCopy' | 'retrySources' | 'chunkLines'>;
  settings: EngineSettings;
}

/**
 * Reads the upload once as a stream (SHA-256 of the whole, where each chunk lies, SHA-256 of each chunk) and copies
 * it to the batch's own place, but only if the hash is the client's. Running twice is harmless: each lease copies to
 * a key of its own, and only the holder's is named.
 */
export async function copyUpload(engine: CopyUpload, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const operation = operationOf(engine.operations, claim);
  const index = await readUpload(engine, claim, lease, readingOptions(operation, claim, engine.settings));
  if (claim.statedHash !== null && index.sha256 !== claim.statedHash) {
    await proveRead(engine, claim, lease, index.sha256);
    await engine.work.rejectHash(claim, index.sha256);
    return;
  }
  const key = inputKey(claim.batchId, claim.lease);
  await engine.objects
    .copy(claim.uploadKey, key, claim.upload, { signal: lease.signal, onPart: lease.alive })
    .catch((error: unknown) => Promise.reject(aboutUpload(error)));
  const { sha256: hash, conversion, chunks, records } = index;
  const copied = { hash, inputKey: key, bytes: claim.upload.bytes };
  const input =
    conversion === null
      ? { ...copied, conversion, chunks, total: records, ...bindInput(operation, claim, index) }
      : { ...copied, conversion, chunks: [], total: null, read: null, fault: null };
  await engine.work.finishCopy(claim, await correctChunks(engine, claim, lease, input));
}

async function readUpload(
  engine: CopyUpload,
  claim: BatchClaim,
  lease: HeldLease,
  options: ReadingOptions,
): Promise<FileIndex> {
  const indexer = new FileIndexer(options);
  await readPieces(engine, claim, lease, (piece, bytes) => {
    indexer.push(piece);
    lease.progress(bytes);
  });
  return indexer.finish();
}

async function readPieces(
  { objects }: Pick<CopyUpload, 'objects'>,
  { uploadKey, upload }: BatchClaim,
  { signal }: HeldLease,
  take: (piece: Buffer, bytes: number) => void,
): Promise<void> {
  let bytes = 0;
  try {
    const stream = await objects.read(uploadKey, { ifMatch: upload.etag, signal });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      bytes += piece.length;
      take(piece, bytes);
    }
    if (bytes === upload.bytes) return;
    // Some servers ignore If-Match: then the length is what shows that the object was replaced under the reader.
    const now = await objects.head(uploadKey);
    if (now?.bytes !== upload.bytes || now.etag !== upload.etag) throw new ObjectChanged(uploadKey);
  } catch (error) {
    throw aboutUpload(error);
  }
  throw new RetryableFault(`the object store gave ${bytes} of ${upload.bytes} bytes`);
}

/** What is about to end the batch for good was read right: bytes that were damaged on the way are others the next time. */
async function proveRead(
  engine: Pick<CopyUpload, 'objects'>,
  claim: BatchClaim,
  lease: HeldLease,
  sha256: string,
): Promise<void> {
  const hash = createHash('sha256');
  await readPieces(engine, claim, lease, (piece) => {
    hash.update(piece);
    lease.alive();
  });
  if (hash.digest('hex') === sha256) return;
  throw new RetryableFault('the object store gave other bytes for the same object');
}

function aboutUpload(error: unknown): unknown {
  if (error instanceof ObjectChanged) {
    return new PermanentFault('upload_changed', 'the upload was overwritten after the batch was made', {
      cause: error,
    });
  }
  if (error instanceof ObjectGone) {
    return new PermanentFault('upload_gone', 'the upload is not there any more', { cause: error });
  }
  return error;
}
