import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Principal } from '../../core/access.ts';
import type { Execution } from '../../core/batch.ts';
import type { RecordFault } from '../../core/chunk.ts';
import type { Probe } from '../../core/probes.ts';
import type { Sources } from '../../core/sources.ts';
import type { ChunkClaim, ChunkPhase, ChunkStage, KnownOperations } from '../../engine/ports/claims.ts';
import type { InputDescription } from '../../formats/description.ts';
import type { ClaimTurns } from './claim-turns.ts';
import type { Sql, Transaction } from './connect.ts';
import { transaction } from './transaction.ts';
import { mayRunOneMore, mostChunksOf, type WorkerShare, weightOf } from './worker-share.ts';

const STATUS_OF_PHASE = { validate: 'validating', process: 'processing' } as const;

/** Candidates that one claim looks at: each was emptied or locked by somebody else meanwhile. */
const MOST_CANDIDATES = 5;

/** A batch that is locked is being moved on, which takes milliseconds. Its ticket would be lost without a second look. */
const MOST_LOOKS = 4;
const BETWEEN_LOOKS_MS = 25;

interface Candidate extends WorkerShare {
  id: string;
  /** No other account waits for this stage. */
  alone: boolean;
}

/** What a claim has looked at in vain. */
interface PassedOver {
  batches: string[];
  accounts: string[];
}

interface BatchPart {
  batchId: string;
  accountId: string;
  userName: string;
  principal: Principal;
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
  sources: Sources | null;
  repeatedIds: number[] | null;
  attempts: number;
  crashes: number;
  probes: Probe[] | null;
  crashed: number[] | null;
}

interface ClaimChunk {
  leaseSeconds: number;
  stage: ChunkStage;
  known: KnownOperations;
  turns: ClaimTurns;
  /** Only chunks of this batch. */
  batchId?: string;
  /** Only chunks that have lost no worker. */
  unsuspected?: boolean;
}

/**
 * Claims a chunk on the session that will work on it: first the account with the fewest running chunks for its weight,
 * then whose turn it is, then by priority within the account, then the oldest batch, then the file's order. So no
 * account waits for another, however long its batch is. Chunks that call others are counted, and claimed, apart from
 * those that compute.
 */
export async function claimChunk(session: Sql, claim: ClaimChunk): Promise<ChunkClaim | null> {
  for (let look = 1; ; look += 1) {
    const found = await lookOnce(session, claim);
    if (found !== 'locked') return found;
    if (look === MOST_LOOKS) return null;
    await sleep(BETWEEN_LOOKS_MS);
  }
}

async function lookOnce(session: Sql, claim: ClaimChunk): Promise<ChunkClaim | 'locked' | null> {
  const { stage, turns } = claim;
  const phase = stage === 'call' ? 'process' : stage;
  return await transaction(session, async (tx) => {
    const passedOver: PassedOver = { batches: [], accounts: [] };
    let locked = false;
    for (let looked = 0; looked < MOST_CANDIDATES; looked += 1) {
      const candidate = await nextCandidate(tx, claim, passedOver);
      if (candidate === undefined) break;
      const more = await mayRunOneMore(tx, candidate);
      if (more !== true) {
        locked ||= more === 'locked';
        passedOver.accounts.push(candidate.accountId);
        continue;
      }
      const batch = await lockBatch(tx, candidate.id, phase);
      if (batch === undefined) {
        locked = true;
      } else {
        const lease = randomUUID();
        const chunk = await takeChunk(tx, batch, { phase, lease, claim });
        if (chunk !== undefined) {
          turns.took(candidate);
          return claimOf({ stage, phase, lease }, batch, chunk);
        }
      }
      passedOver.batches.push(candidate.id);
    }
    return locked ? 'locked' : null;
  });
}

function claimOf(
  held: Pick<ChunkClaim, 'stage' | 'phase' | 'lease'>,
  batch: BatchPart,
  chunk: ChunkPart,
): ChunkClaim {
  const { attempts, crashes, probes, crashed, fault, sources, repeatedIds, ...range } = chunk;
  const { execution: _order, ...rest } = batch;
  return {
    kind: 'chunk',
    ...held,
    attempts,
    crashes,
    probes: probes ?? [],
    crashed: crashed ?? [],
    ...rest,
    repeatedIds: repeatedIds ?? [],
    range: { ...range, ...(fault !== null && { fault }), ...(sources !== null && { sources }) },
  };
}

async function nextCandidate(
  tx: Transaction,
  { stage, known, turns, batchId, unsuspected }: ClaimChunk,
  passedOver: PassedOver,
): Promise<Candidate | undefined> {
  const { accounts, by } = turns.ahead();
  const phase = stage === 'call' ? 'process' : stage;
  const ofStage =
    phase === 'validate' ? tx`` : tx`and b.effects = ${stage === 'call' ? 'outside' : 'transaction'}`;
  const inPhase = tx`
    b.status in ('validating', 'processing') and b.status = ${STATUS_OF_PHASE[phase]} and b.stage is null ${ofStage}`;
  const [candidate] = await tx<Candidate[]>`
    with recursive busy as (
      select c.account_id, count(*) as of_all,
        count(*) filter (where (c.phase = 'process' and b.effects = 'outside') = ${stage === 'call'}) as n
      from chunks c join batches b on b.id = c.batch_id
      where c.status = 'running' group by c.account_id),
    with_work as (
      (select account_id from batches b where ${inPhase} order by account_id limit 1)
      union all
      select (select b.account_id from batches b where ${inPhase} and b.account_id > a.account_id
        order by b.account_id limit 1)
      from with_work a where a.account_id is not null),
    ready as (
      select first.* from with_work a cross join lateral (
        select b.id, b.account_id, b.created_at from batches b
        where ${inPhase} and b.account_id = a.account_id
          and (b.operation, b.operation_version) in (
            select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[]))
          and b.id <> all (${passedOver.batches}::uuid[])
          ${batchId === undefined ? tx`` : tx`and b.id = ${batchId}`}
          and ${claimable(tx, phase, unsuspected)}
        order by b.priority desc, b.created_at, b.id limit 1) first
      where a.account_id is not null and a.account_id <> all (${passedOver.accounts}::uuid[]))
    select ready.id, ready.account_id as "accountId", ${weightOf(tx)} as weight, ${mostChunksOf(tx)} as "mostChunks",
      not exists (select from ready other where other.account_id <> ready.account_id) as alone
    from ready join accounts own on own.id = ready.account_id
      left join busy on busy.account_id = ready.account_id
      left join unnest(${accounts}::uuid[], ${by}::float8[]) as turn (account_id, ahead)
        on turn.account_id = ready.account_id
    where ${mostChunksOf(tx)} is null or coalesce(busy.of_all, 0) < ${mostChunksOf(tx)}
    order by floor(coalesce(busy.n, 0) / ${weightOf(tx)}), coalesce(turn.ahead, 0), ready.created_at, ready.id
    limit 1`;
  return candidate;
}

/** Whether a batch `b` has a chunk to claim: any that waits, or in the file's order the first that is not settled. */
function claimable(tx: Transaction, phase: ChunkPhase, unsuspected = false) {
  const only = unsuspected ? tx`and c.crashes = 0` : tx``;
  const any = tx`exists (
    select from chunks c
    where c.batch_id = b.id and c.status = 'waiting' and c.available_at <= clock_timestamp() ${only})`;
  if (phase === 'validate') return any;
  return tx`case b.execution when 'serial' then (
    select c.status = 'waiting' and c.available_at <= clock_timestamp() ${only} from chunks c
    where c.batch_id = b.id and c.status <> 'settled' order by c.number limit 1) else ${any} end`;
}

/** Locked `for share` in its status, a batch cannot leave the phase before the claim is committed. */
async function lockBatch(tx: Transaction, id: string, phase: ChunkPhase): Promise<BatchPart | undefined> {
  const [batch] = await tx<BatchPart[]>`
    select id as "batchId", account_id as "accountId", user_name as "userName", principal, operation,
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
  { phase, lease, claim }: { phase: ChunkPhase; lease: string; claim: ClaimChunk },
): Promise<ChunkPart | undefined> {
  const [chunk] = await tx<ChunkPart[]>`
    update chunks set
      status = 'running', lease = ${lease}, attempts = attempts + 1,
      lease_expires_at = clock_timestamp() + make_interval(secs => ${claim.leaseSeconds}),
      lease_pid = pg_backend_pid(),
      lease_pid_started = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
    where batch_id = ${batchId} and number = (
      select number from chunks c
      where batch_id = ${batchId} and phase = ${phase} and status = 'waiting' and available_at <= clock_timestamp()
        ${claim.unsuspected ? tx`and crashes = 0` : tx``}
        ${
          execution === 'serial' && phase === 'process'
            ? tx`and number = (
                select min(number) from chunks where batch_id = ${batchId} and status <> 'settled')`
            : tx``
        }
      order by number limit 1 for update skip locked)
    returning number, first_record as "firstRecord", records, byte_start as start, byte_end as end, sha256, fault, sources,
      repeated_ids as "repeatedIds", attempts, crashes, probes, crashed`;
  return chunk;
}
