import { createHash } from 'node:crypto';
import { RetryableFault } from '../core/errors.ts';
import type { ResultLine } from '../core/result.ts';
import { partKey } from './keys.ts';
import type { ChunkClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';

/** A part that is not stored by then is given up: the lease must outlive it, as the transaction waits for it. */
const DEADLINE_SHARE_OF_LEASE = 0.5;

/** Stores the lines of a chunk under a key that names the lease and the content's SHA-256. Answers the key. */
export async function putPart(
  objects: ObjectStore,
  claim: ChunkClaim,
  lines: readonly ResultLine[],
  options: { signal: AbortSignal; leaseSeconds: number },
): Promise<string> {
  const body = Buffer.from(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const key = partKey(claim.batchId, claim.phase, claim.range.number, claim.lease, sha256);
  const deadline = AbortSignal.timeout(options.leaseSeconds * DEADLINE_SHARE_OF_LEASE * 1000);
  try {
    await objects.put(key, body, {
      contentType: 'application/x-ndjson',
      signal: AbortSignal.any([options.signal, deadline]),
    });
  } catch (error) {
    if (!deadline.aborted) throw error;
    throw new RetryableFault('the object store took too long to store a part', { cause: error, away: true });
  }
  return key;
}
