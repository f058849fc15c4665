import { createHash } from 'node:crypto';
import type { Counts } from '../../core/batch.ts';
import { resultKey } from '../keys.ts';
import type { ResultFile } from '../ports/batch-results.ts';
import type { BatchClaim } from '../ports/claims.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Omission } from './result-files.ts';

/** Stores the list of the result files: what they count, their SHA-256, and what could not be written. */
export async function putManifest(
  objects: Pick<ObjectStore, 'put'>,
  claim: BatchClaim,
  told: { counts: Counts; files: readonly ResultFile[]; omitted: readonly Omission[] },
  signal: AbortSignal,
): Promise<ResultFile> {
  const manifest = {
    batch: claim.batchId,
    operation: claim.operation,
    counts: told.counts,
    files: told.files.map(({ kind, format, bytes, sha256, records }) => ({
      kind,
      format,
      name: `${kind}.${format}`,
      bytes,
      sha256,
      records,
    })),
    omitted: told.omitted,
  };
  const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const key = resultKey(claim.batchId, claim.lease, 'manifest.json');
  await objects.put(key, body, { contentType: 'application/json', signal });
  return {
    kind: 'manifest',
    format: 'json',
    key,
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    records: told.counts.total ?? 0,
  };
}
