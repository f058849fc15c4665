import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Execution } from '../../core/batch.ts';
import type { RecordFault } from '../../core/chunk.ts';
import type {
  ChunkClaim,
  ChunkPhase,
  ChunkStage,
  InputDescription,
  KnownOperations,
} from '../../engine/ports/work-store.ts';
import type { Sql, Transaction } from './connect.ts';
import { transaction } from './transaction.ts';

const STATUS_OF_PHASE = { validate: 'validating', process: 'processing' } as const;

/** Candidates that one claim looks at: each was emptied or locked by somebody else meanwhile. */
const MOST_CANDIDATES = 5;

/** A batch that is locked is being moved on, which takes milliseconds. Its ticket would be lost without a second look. */
const MOST_LOOKS = 4;
const BETWEEN_LOOKS_MS = 25;

interface BatchPart {
  batchId: string;
  accountId: string;
  userName: string;
  operation: string;
  operationVersion: number;
  settings: Record<string, unknown>;
  onInvalid: 'reject' | 'skip';
  customId: string | null;
  execution: Execution;
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
  repeatedIds: number[] | null;
  attempts: number;
}

/**
 * Claims a chunk on the session that will work on it: first the account with the fewest running chunks, then by
 * priority within the account, then the oldest batch, then the file's order. So no account waits for another, however
 * long its batch is. Chunks that call others are counted, and claimed, apart from those that compute.
 */
export async function claimChunk(
  session: Sql,
  leaseSeconds: number,
  stage: ChunkStage,
  known: KnownOperations,
  batchId?: string,
): Promise<ChunkClaim | null> {
  for (let look = 1; ; look += 1) {
    const found = await lookOnce(session, leaseSeconds, stage, known, batchId);
    if (found !== 'locked') return found;
    if (look === MOST_LOOKS) return null;
    await sleep(BETWEEN_LOOKS_MS);
  }
}

async function lookOnce(
  session: Sql,
  leaseSeconds: number,
  stage: ChunkStage,
  known: KnownOperations,
  batchId?: string,
): Promise<ChunkClaim | 'locked' | null> {
  const phase = stage === 'call' ? 'process' : stage;
  return await transaction(session, async (tx) => {
    const passedOver: string[] = [];
    let locked = false;
    while (passedOver.length < MOST_CANDIDATES) {
      const candidate = await nextCandidate(tx, stage, known, passedOver, batchId);
      if (candidate === undefined) break;
      const batch = await lockBatch(tx, candidate, phase);
      if (batch === undefined) {
        locked = true;
      } else {
        const lease = randomUUID();
        const chunk = await takeChunk(tx, batch, phase, lease, leaseSeconds);
        if (chunk !== undefined) return claimOf({ stage, phase, lease }, batch, chunk);
      }
      passedOver.push(candidate);
    }
    return locked ? 'locked' : null;
  });
}

function claimOf(
  held: Pick<ChunkClaim, 'stage' | 'phase' | 'lease'>,
  batch: BatchPart,
  chunk: ChunkPart,
): ChunkClaim {
  const { attempts, fault, repeatedIds, ...range } = chunk;
  const { execution: _order, ...rest } = batch;
  return {
    kind: 'chunk',
    ...held,
    attempts,
    ...rest,
    repeatedIds: repeatedIds ?? [],
    range: fault === null ? range : { ...range, fault },
  };
}

async function nextCandidate(
  tx: Transaction,
  stage: ChunkStage,
  known: KnownOperations,
  passedOver: string[],
  batchId?: string,
): Promise<string | undefined> {
  const phase = stage === 'call' ? 'process' : stage;
  const ofStage =
    phase === 'validate' ? tx`` : tx`and b.effects = ${stage === 'call' ? 'outside' : 'transaction'}`;
  const inPhase = tx`
    b.status in ('validating', 'processing') and b.status = ${STATUS_OF_PHASE[phase]} and b.stage is null ${ofStage}`;
  const [candidate] = await tx<{ id: string }[]>`
    with recursive busy as (
      select c.account_id, count(*) as n from chunks c join batches b on b.id = c.batch_id
      where c.status = 'running' and (c.phase = 'process' and b.effects = 'outside') = ${stage === 'call'}
      group by c.account_id),
    accounts as (
      (select account_id from batches b where ${inPhase} order by account_id limit 1)
      union all
      select (select b.account_id from batches b where ${inPhase} and b.account_id > a.account_id
        order by b.account_id limit 1)
      from accounts a where a.account_id is not null),
    ready as (
      select first.* from accounts a cross join lateral (
        select b.id, b.account_id, b.created_at,
          row_number() over (order by b.priority desc, b.created_at, b.id) as place
        from batches b
        where ${inPhase} and b.account_id = a.account_id
          and (b.operation, b.operation_version) in (
            select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[]))
          and b.id <> all (${passedOver}::uuid[])
          ${batchId === undefined ? tx`` : tx`and b.id = ${batchId}`}
          and ${claimable(tx, phase)}
        order by b.priority desc, b.created_at, b.id limit 1) first
      where a.account_id is not null)
    select ready.id from ready left join busy on busy.account_id = ready.account_id
    order by coalesce(busy.n, 0), ready.place, ready.created_at, ready.id
    limit 1`;
  return candidate?.id;
}

/** Whether a batch `b` has a chunk to claim: any that waits, or in the file's order the first that is not settled. */
function claimable(tx: Transaction, phase: ChunkPhase) {
  const any = tx`exists (
    select from chunks c where c.batch_id = b.id and c.status = 'waiting' and c.available_at <= clock_timestamp())`;
  if (phase === 'validate') return any;
  return tx`case b.execution when 'serial' then (
    select c.status = 'waiting' and c.available_at <= clock_timestamp() from chunks c
    where c.batch_id = b.id and c.status <> 'settled' order by c.number limit 1) else ${any} end`;
}

/** Locked `for share` in its status, a batch cannot leave the phase before the claim is committed. */
async function lockBatch(tx: Transaction, id: string, phase: ChunkPhase): Promise<BatchPart | undefined> {
  const [batch] = await tx<BatchPart[]>`
    select id as "batchId", account_id as "accountId", user_name as "userName", operation,
      operation_version as "operationVersion", settings, on_invalid as "onInvalid", custom_id as "customId", execution,
      input_key as "inputKey", read,
      chunk_count as "chunkCount"
    from batches where id = ${id} and status = ${STATUS_OF_PHASE[phase]} and stage is null
    for share skip locked`;
  return batch;
}

async function takeChunk(
  tx: Transaction,
  { batchId, execution }: BatchPart,
  phase: ChunkPhase,
  lease: string,
  leaseSeconds: number,
): Promise<ChunkPart | undefined> {
  const [chunk] = await tx<ChunkPart[]>`
    update chunks set
      status = 'running', lease = ${lease}, attempts = attempts + 1,
      lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}),
      lease_pid = pg_backend_pid(),
      lease_pid_started = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
    where batch_id = ${batchId} and number = (
      select number from chunks c
      where batch_id = ${batchId} and phase = ${phase} and status = 'waiting' and available_at <= clock_timestamp()
        ${
          execution === 'serial' && phase === 'process'
            ? tx`and number = (
                select min(number) from chunks where batch_id = ${batchId} and status <> 'settled')`
            : tx``
        }
      order by number limit 1 for update skip locked)
    returning number, first_record as "firstRecord", records, byte_start as start, byte_end as end, sha256, fault,
      repeated_ids as "repeatedIds", attempts`;
  return chunk;
}
