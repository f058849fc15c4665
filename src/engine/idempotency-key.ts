import { v5 as uuidv5 } from 'uuid';
import { type Source, unpackSources } from '../core/sources.ts';
import type { ChunkClaim } from './ports/claims.ts';

/** The key of a record for its effects outside (RFC 9562): the same on every attempt, and in retries of one generation. */
export function idempotencyKeyOf({ batch, record, generation }: Source): string {
  return uuidv5(generation === 0 ? String(record) : `${record} ${generation}`, batch);
}

/** The keys of a chunk's records: in a retry those of the records that they are. */
export function keysOf({ batchId, range }: ChunkClaim): (record: number) => string {
  if (range.sources === undefined) {
    return (record) => idempotencyKeyOf({ batch: batchId, record, generation: 0 });
  }
  const sources = unpackSources(range.sources);
  return (record) => {
    const source = sources[record - range.firstRecord];
    if (source === undefined) throw new Error(`record ${record} of chunk ${range.number} has no source`);
    return idempotencyKeyOf(source);
  };
}
