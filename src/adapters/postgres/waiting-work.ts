import type { BatchStatus } from '../../core/batch.ts';
import type { ChunkRange, RecordFault } from '../../core/chunk.ts';
import type { Sources } from '../../core/sources.ts';
import type { ChunkLines } from '../../engine/ports/batch-results.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import type { Sql, Transaction } from './connect.ts';
import { readJournal } from './journal.ts';
import { mayEnter } from './transition.ts';
import { mostChunksOf } from './worker-share.ts';

const MOST_BATCHES = 200;
/** Of one batch: more tickets than a sweep writes. */
const MOST_CHUNKS = 1000;
const CHUNKS_PER_PAGE = 500;

/** What could be claimed right now, by batch and stage. */
export async function waitingWork(sql: Sql): Promise<WorkWaiting[]> {
  return await sql<WorkWaiting[]>`
    select work.* from unnest(array['copy', 'copy_checked', 'convert', 'write_results', 'remove']) as s(stage) cross join lateral (
      select s.stage, id as "batchId", 1 as tickets from batches
      where stage = s.stage and lease is null and available_at <= now()
      order by available_at limit ${MOST_BATCHES}) work
    union all
    select * from (${waitingChunks(sql, MOST_BATCHES)}) in_chunks`;
}

/**
 * A ticket for each stage in which an account waits that may run only so many chunks at once: tickets that came while
 * it ran as many were served with nothing.
 */
export async function nextOfAccount(sql: Sql, accountId: string): Promise<WorkWaiting[]> {
  return await sql<WorkWaiting[]>`
    select stage, "batchId", 1 as tickets from (${waitingChunks(sql, 1, accountId)}) in_chunks`;
}

/** Batches with chunks to claim, and how many of them their account may run besides those that run already. */
function waitingChunks(sql: Sql, mostBatches: number, accountId?: string) {
  return sql`
    select work.* from (values ('validating', 'validate', null), ('processing', 'process', 'transaction'),
        ('processing', 'call', 'outside')) as s(status, stage, effects)
      cross join lateral (
      select s.stage, b.id as "batchId",
        least(case when b.status = 'processing' and b.execution = 'serial' then 1 else c.waiting end, may.run) as tickets
      from batches b join accounts own on own.id = b.account_id
        cross join lateral (
          select count(*)::int as waiting from (
            select from chunks where batch_id = b.id and status = 'waiting' and available_at <= now()
            limit ${MOST_CHUNKS}) few) c
        cross join lateral (
          select case when ${mostChunksOf(sql)} is not null then ${mostChunksOf(sql)} - (
            select count(*)::int from chunks r where r.account_id = own.id and r.status = 'running') end as run) may
      where b.status in ('validating', 'processing') and b.status = s.status and b.stage is null and c.waiting > 0
        and coalesce(may.run > 0, true) and (s.effects is null or b.effects = s.effects)
        ${accountId === undefined ? sql`` : sql`and b.account_id = ${accountId}`}
        and not (b.status = 'processing' and b.execution = 'serial' and (
          select status <> 'waiting' or available_at > now() from chunks
          where batch_id = b.id and status <> 'settled' order by number limit 1))
      order by b.created_at limit ${mostBatches}) work`;
}

/** Batches whose phase is settled but that nobody moved on: their last settler died between two transactions. */
export async function stuckBatches(sql: Sql): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from batches b
    where status in ('copied', 'validating', 'processing') and stage is null
      and (status = 'copied' or not exists (
        select from chunks c where c.batch_id = b.id and c.status <> 'settled'))
    order by created_at limit ${MOST_BATCHES}`;
  return rows.map((row) => row.id);
}

/** Batches with a step that failed as often as it may and is not being tried: those whose worker died each time. */
export async function exhaustedBatches(
  sql: Sql | Transaction,
  maxAttempts: number,
  batchId?: string,
): Promise<{ batchId: string; what: string }[]> {
  return await sql<{ batchId: string; what: string }[]>`
    (select distinct on (b.id) b.id as "batchId", 'chunk ' || c.number as what
      from chunks c join batches b on b.id = c.batch_id
      where c.status = 'waiting' and c.attempts > 0 and c.attempts >= ${maxAttempts}
        and b.status in ('validating', 'processing') ${batchId === undefined ? sql`` : sql`and b.id = ${batchId}`}
      order by b.id, c.number limit ${MOST_BATCHES})
    union all
    (select id as "batchId", 'the step ' || stage as what from batches
      where stage is not null and lease is null and attempts >= ${maxAttempts}
        and ${mayEnter(sql, 'failed')} ${batchId === undefined ? sql`` : sql`and id = ${batchId}`}
      limit ${MOST_BATCHES})`;
}

/** The chunks of a batch in the file's order, in pages, so that no result set is held whole. */
export async function* chunkLines(sql: Sql, batchId: string): AsyncGenerator<ChunkLines> {
  let after = 0;
  while (true) {
    const page = await sql<StoredChunk[]>`
      select number, first_record as "firstRecord", records, byte_start as start, byte_end as end, sha256, fault, sources,
        repeated_ids as "repeatedIds", part, validation_part as "validationPart", succeeded, failed, invalid,
        case when part is null then exists (
          select from record_journal j where j.batch_id = chunks.batch_id and j.chunk = chunks.number) end as journaled
      from chunks where batch_id = ${batchId} and number > ${after} order by number limit ${CHUNKS_PER_PAGE}`;
    for (const stored of page) {
      const lines = toLines(stored);
      // One at a time: all of them could be a file's worth of results.
      if (stored.journaled)
        yield { ...lines, journal: await readJournal(sql, { batchId, range: lines.range }) };
      else yield lines;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < CHUNKS_PER_PAGE) return;
    after = last.number;
  }
}

type StoredChunk = Omit<ChunkLines, 'range' | 'repeatedIds' | 'journal'> &
  Omit<ChunkRange, 'fault' | 'sources'> & {
    fault: RecordFault | null;
    sources: Sources | null;
    repeatedIds: number[] | null;
    journaled: boolean | null;
  };

function toLines(stored: StoredChunk): ChunkLines {
  const {
    number,
    firstRecord,
    records,
    start,
    end,
    sha256,
    fault,
    sources,
    repeatedIds,
    journaled,
    ...rest
  } = stored;
  const range = {
    ...{ number, firstRecord, records, start, end, sha256 },
    ...(fault !== null && { fault }),
    ...(sources !== null && { sources }),
  };
  return { ...rest, range, repeatedIds: repeatedIds ?? [] };
}

/**
 * Batches that nobody has done anything for since `seconds`: no lease is held, no chunk has settled, no record was tried
 * and no status was entered, and no wait is over that was asked for with a try (a rate of a thousand a day; a try after
 * a day). Most often no worker knows their operation in the version that they pin. Those whose account has work under way
 * only wait for their turn.
 */
export async function stalledBatches(
  sql: Sql | Transaction,
  seconds: number,
  batchId?: string,
): Promise<{ batchId: string; status: BatchStatus }[]> {
  return await sql<{ batchId: string; status: BatchStatus }[]>`
    select id as "batchId", status from batches
    where ended_at is null and deleted_at is null ${batchId === undefined ? sql`` : sql`and batches.id = ${batchId}`}
      and (${mayEnter(sql, 'failed')} or status in ('cancel', 'cancelling') or (status = 'deleting' and stage is not null))
      and lease is null and updated_at < now() - make_interval(secs => ${seconds})
      and not exists (
        select from chunks c join batches o on o.id = c.batch_id
        where c.account_id = batches.account_id and c.status = 'running'
          and (o.priority > batches.priority or (o.priority = batches.priority and o.id <= batches.id)))
      and not exists (
        select from batches o where o.account_id = batches.account_id
          and (o.priority > batches.priority or (o.priority = batches.priority and o.id <= batches.id))
          and (o.lease is not null or o.updated_at > clock_timestamp() - make_interval(secs => ${seconds})
            or (o.ended_at is null and exists (
              select from chunks c
              where c.batch_id = o.id and c.settled_at > clock_timestamp() - make_interval(secs => ${seconds})))))
    order by updated_at limit ${MOST_BATCHES}`;
}
