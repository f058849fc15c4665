import type { ChunkLines, WorkWaiting } from '../../engine/ports/work-store.ts';
import type { Sql } from './connect.ts';

const MOST_BATCHES = 200;
const CHUNKS_PER_PAGE = 500;

/** What could be claimed right now, by batch and stage. */
export async function waitingWork(sql: Sql): Promise<WorkWaiting[]> {
  return await sql<WorkWaiting[]>`
    (select stage, id as "batchId", 1 as tickets from batches
      where stage is not null and lease is null and available_at <= clock_timestamp()
      order by available_at limit ${MOST_BATCHES})
    union all
    (select case status when 'validating' then 'validate' else 'process' end as stage, b.id as "batchId",
        c.waiting::int as tickets
      from batches b cross join lateral (
        select count(*) as waiting from chunks
        where batch_id = b.id and status = 'waiting' and available_at <= clock_timestamp()) c
      where b.status in ('validating', 'processing') and b.stage is null and c.waiting > 0
      order by b.created_at limit ${MOST_BATCHES})`;
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
  sql: Sql,
  maxAttempts: number,
): Promise<{ batchId: string; what: string }[]> {
  return await sql<{ batchId: string; what: string }[]>`
    (select distinct on (b.id) b.id as "batchId", 'chunk ' || c.number as what
      from chunks c join batches b on b.id = c.batch_id
      where c.status = 'waiting' and c.attempts >= ${maxAttempts} and b.status in ('validating', 'processing')
      order by b.id, c.number limit ${MOST_BATCHES})
    union all
    (select id as "batchId", 'the step ' || stage as what from batches
      where stage is not null and lease is null and attempts >= ${maxAttempts}
        and status in ('new', 'copying', 'validating', 'processed', 'writing_results')
      limit ${MOST_BATCHES})`;
}

/** The chunks of a batch in the file's order, in pages, so that no result set is held whole. */
export async function* chunkLines(sql: Sql, batchId: string): AsyncGenerator<ChunkLines> {
  let after = 0;
  while (true) {
    const page = await sql<ChunkLines[]>`
      select number, first_record as "firstRecord", records, part, validation_part as "validationPart",
        succeeded, failed, invalid
      from chunks where batch_id = ${batchId} and number > ${after} order by number limit ${CHUNKS_PER_PAGE}`;
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < CHUNKS_PER_PAGE) return;
    after = last.number;
  }
}
