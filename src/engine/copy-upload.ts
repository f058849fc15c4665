import { type FileFault, PermanentFault } from '../core/errors.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { bindColumns, bindKeys } from '../core/record.ts';
import { csvDescription } from '../formats/description.ts';
import { type FileIndex, FileIndexer } from '../formats/index-pass.ts';
import { inputKey } from './keys.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { ObjectChanged, ObjectGone } from './ports/object-store.ts';
import type { BatchClaim, CopiedInput, WorkStore } from './ports/work-store.ts';
import type { EngineSettings } from './settings.ts';

export interface CopyUpload {
  operations: OperationRegistry;
  objects: ObjectStore;
  work: Pick<WorkStore, 'rejectHash' | 'finishCopy'>;
  settings: EngineSettings;
}

/**
 * Reads the upload once as a stream (SHA-256 of the whole, where each chunk lies, SHA-256 of each chunk) and copies
 * it to the batch's own place, but only if the hash is the client's. Running twice is harmless: each lease copies to
 * a key of its own, and only the holder's is named.
 */
export async function copyUpload(engine: CopyUpload, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const index = await readUpload(engine, claim, lease);
  if (claim.statedHash !== null && index.sha256 !== claim.statedHash) {
    await engine.work.rejectHash(claim, index.sha256);
    return;
  }
  const key = inputKey(claim.batchId, claim.lease);
  await engine.objects
    .copy(claim.uploadKey, key, claim.upload, { signal: lease.signal, onPart: lease.alive })
    .catch((error: unknown) => Promise.reject(aboutUpload(error)));
  await engine.work.finishCopy(claim, describeInput(engine, claim, index, key));
}

async function readUpload(engine: CopyUpload, claim: BatchClaim, lease: HeldLease): Promise<FileIndex> {
  const { chunk, recordBytes, cellBytes } = engine.settings;
  const operation = engine.operations.get(claim.operation);
  const indexer = new FileIndexer({
    limits: {
      records: Math.min(chunk.records, operation?.limits.chunkRecords ?? chunk.records),
      bytes: chunk.bytes,
      recordBytes,
      cellBytes,
    },
  });
  let bytes = 0;
  try {
    const stream = await engine.objects.read(claim.uploadKey, {
      ifMatch: claim.upload.etag,
      signal: lease.signal,
    });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      indexer.push(piece);
      bytes += piece.length;
      lease.progress(bytes);
    }
  } catch (error) {
    throw aboutUpload(error);
  }
  // Some servers ignore If-Match: then the length is what shows that the object was replaced under the reader.
  if (bytes !== claim.upload.bytes) throw aboutUpload(new ObjectChanged(claim.uploadKey));
  return indexer.finish();
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

function describeInput(engine: CopyUpload, claim: BatchClaim, index: FileIndex, key: string): CopiedInput {
  const copied = { hash: index.sha256, inputKey: key, chunks: index.chunks, total: index.records };
  const operation = engine.operations.get(claim.operation);
  if (operation === undefined) throw new Error(`claimed a batch of the unknown operation ${claim.operation}`);
  const fault = carriedByRecord(index.fault) ? undefined : index.fault;
  if (fault === undefined && index.format === 'ndjson') {
    const binding = bindKeys(index.columns ?? [], claim.mapping, operation);
    const read = { format: 'ndjson', encoding: 'utf-8', bom: index.bom, ...binding } as const;
    return { ...copied, fault: null, read };
  }
  if (fault !== undefined) return { ...copied, read: null, fault };
  // A batch without columns and without a reason would run through and process nothing.
  if (index.columns === null) throw new Error('the CSV has neither columns nor a fault');

  const binding = bindColumns(index.columns, claim.mapping, operation, claim.customId);
  if ('code' in binding) return { ...copied, read: null, fault: binding };
  return { ...copied, fault: null, read: csvDescription({ bom: index.bom, columns: binding.columns }) };
}

/** A quote that is never closed is the last record's trouble, and the others are checked; the header row has no others. */
function carriedByRecord(fault: FileFault | undefined): boolean {
  return fault?.code === 'file_unclosed_quote' && fault.record !== 0;
}
