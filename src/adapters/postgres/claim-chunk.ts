import { randomUUID } from 'node:crypto';
import type { RecordFault } from '../../core/chunk.ts';
import type { ChunkClaim, ChunkPhase, InputDescription, KnownOperations } from '../../engine/ports.ts';
import type { Sql, Transaction } from './connect.ts';
import { transaction } from './transaction.ts';

const STATUS_OF_PHASE = { validate: 'validating', process: 'processing' } as const;

/** Batches whose waiting chunks were all taken between two statements; after so many the ticket is given up. */
const MOST_TRIES = 5;

interface BatchPart {
  batchId: string;
  accountId: string;
  userName: string;
  operation: string;
  operationVersion: number;
  settings: Record<string, unknown>;
  onInvalid: 'reject' | 'skip';
  inputKey: string;
  read: InputDescription;
  chunkCount: number;
}

interface ChunkPart {
  number: number;
  firstRecord: number;
  records: number;
  start: number;
  end: number;
  sha256: string;
  fault: RecordFault | null;
  attempts: number;
}

/**
 * Claims a chunk on the session that will work on it: first the account with the fewest running chunks, then the
 * oldest batch, then the file's order. So no account waits for another, however long its batch is.
 */
export async function claimChunk(
  session: Sql,
  leaseSeconds: number,
  phase: ChunkPhase,
  known: KnownOperations,
  batchId?: string,
): Promise<ChunkClaim | null> {
  return await transaction(session, async (tx) => {
    const passedOver: string[] = [];
    while (passedOver.length < MOST_TRIES) {
      const batch = await pickBatch(tx, phase, known, passedOver, batchId);
      if (batch === null) return null;
      const lease = randomUUID();
      const chunk = await takeChunk(tx, batch.batchId, phase, lease, leaseSeconds);
      if (chunk !== null) {
        const { attempts, fault, ...range } = chunk;
        return {
          kind: 'chunk',
          phase,
          lease,
          attempts,
          ...batch,
          range: fault === null ? range : { ...range, fault },
        };
      }
      passedOver.push(batch.batchId);
    }
    return null;
  });
}

/** The batch is locked `for share`: it cannot leave the phase before the claim is committed. */
async function pickBatch(
  tx: Transaction,
  phase: ChunkPhase,
  known: KnownOperations,
  passedOver: string[],
  batchId?: string,
): Promise<BatchPart | null> {
  const [batch] = await tx<BatchPart[]>`
    with busy as (select account_id, count(*) as n from chunks where status = 'running' group by account_id)
    select b.id as "batchId", b.account_id as "accountId", b.user_name as "userName", b.operation,
      b.operation_version as "operationVersion", b.settings, b.on_invalid as "onInvalid",
      b.input_key as "inputKey", b.read, b.chunk_count as "chunkCount"
    from batches b left join busy on busy.account_id = b.account_id
    where b.status = ${STATUS_OF_PHASE[phase]} and b.stage is null
      and (b.operation, b.operation_version) in (
        select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[]))
      and b.id <> all (${passedOver}::uuid[])
      ${batchId === undefined ? tx`` : tx`and b.id = ${batchId}`}
      and exists (
        select from chunks c
        where c.batch_id = b.id and c.status = 'waiting' and c.available_at <= clock_timestamp())
    order by coalesce(busy.n, 0), b.created_at, b.id
    limit 1 for share of b skip locked`;
  return batch ?? null;
}

async function takeChunk(
  tx: Transaction,
  batchId: string,
  phase: ChunkPhase,
  lease: string,
  leaseSeconds: number,
): Promise<ChunkPart | null> {
  const [chunk] = await tx<ChunkPart[]>`
    update chunks set
      status = 'running', lease = ${lease}, attempts = attempts + 1,
      lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}),
      lease_pid = pg_backend_pid(),
      lease_pid_started = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
    where batch_id = ${batchId} and number = (
      select number from chunks
      where batch_id = ${batchId} and phase = ${phase} and status = 'waiting' and available_at <= clock_timestamp()
      order by number limit 1 for update skip locked)
    returning number, first_record as "firstRecord", records, byte_start as start, byte_end as end, sha256, fault,
      attempts`;
  return chunk ?? null;
}
