import { LeaseLost } from '../../core/errors.ts';
import type { FinalResult } from '../../core/result.ts';
import type { JournalEntry } from '../../engine/ports/chunk-outcome.ts';
import type { ChunkClaim } from '../../engine/ports/claims.ts';
import type { Sql, Transaction } from './connect.ts';

type Place = Pick<ChunkClaim, 'batchId' | 'range'>;

/** What is known of the records of a chunk that is not settled, in the file's order. */
export async function readJournal(
  sql: Sql | Transaction,
  { batchId, range }: Place,
): Promise<JournalEntry[]> {
  const rows = await sql<(Omit<JournalEntry, 'result'> & { result: string | null })[]>`
    select record::float8 as record, state, attempts, uncertain, result,
      extract(epoch from due_at - clock_timestamp())::float8 as "dueSeconds"
    from record_journal where batch_id = ${batchId} and chunk = ${range.number} order by record`;
  return rows.map((row) => ({ ...row, result: row.result === null ? null : JSON.parse(row.result) }));
}

/** Writes entries over those that are there; what is final stays: the first result of a record is the one. */
export async function writeJournal(
  sql: Sql | Transaction,
  { batchId, range }: Place,
  entries: readonly JournalEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    insert into record_journal as known (batch_id, record, chunk, state, attempts, uncertain, due_at, result)
    select ${batchId}, e.record, ${range.number}, ${columns(sql)} from ${rows(sql, entries)} order by e.record
    on conflict (batch_id, record) do update set ${excluded(sql)}
    where known.state <> 'final'`;
}

/**
 * Notes that records are about to be sent, in one statement: whoever does not hold the lease any more notes nothing,
 * and the chunk's row stays locked until it is noted, so that a cancel comes either before all of it or after.
 * @returns those that are noted; of the others a result, or a newer try, is known meanwhile
 * @throws {LeaseLost}
 */
export async function noteStarted(
  sql: Sql,
  { batchId, range, lease }: ChunkClaim,
  entries: readonly JournalEntry[],
): Promise<Set<number>> {
  const [noted] = await sql<{ held: boolean; begun: number[] }[]>`
    with held as (
      select 1 from chunks
      where batch_id = ${batchId} and number = ${range.number} and lease = ${lease} for share),
    begun as (
      insert into record_journal as known (batch_id, record, chunk, state, attempts, uncertain, due_at, result)
      select ${batchId}, e.record, ${range.number}, ${columns(sql)} from ${rows(sql, entries)}
      where exists (select from held) order by e.record
      on conflict (batch_id, record) do update set ${excluded(sql)}
      where known.state <> 'final' and known.attempts < excluded.attempts
      returning record)
    select exists (select from held) as held, array(select record::float8 from begun) as begun`;
  if (noted?.held !== true) throw new LeaseLost(`chunk ${range.number} of batch ${batchId}`);
  return new Set(noted.begun);
}

/**
 * Notes what came of tries, whoever holds the chunk by now. Only of a try that is still the last one of its record and
 * has told nothing yet: never is a result changed, nor a newer try taken for ended, nor anything kept of a chunk that
 * has settled, whose journal is gone. A try that waits again without a result was not made after all.
 */
export async function noteOutcomes(
  sql: Sql,
  { batchId }: Place,
  entries: readonly JournalEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    update record_journal known set state = e.state, uncertain = e.uncertain, result = e.result,
      attempts = case when e.state = 'waiting' and e.result is null then e.attempts - 1 else e.attempts end,
      due_at = clock_timestamp() + make_interval(secs => e.due)
    from ${rows(sql, entries)}
    where known.batch_id = ${batchId} and known.record = e.record
      and known.state = 'started' and known.attempts = e.attempts`;
}

const columns = (sql: Sql | Transaction) => sql`
  e.state, e.attempts, e.uncertain, clock_timestamp() + make_interval(secs => e.due), e.result`;

const excluded = (sql: Sql | Transaction) => sql`
  state = excluded.state, attempts = excluded.attempts, uncertain = excluded.uncertain, due_at = excluded.due_at,
  result = excluded.result`;

/** With the status first, as it is counted by: the server reads no JSON in which a text has a NUL. */
function textOf({ status, ...rest }: FinalResult<unknown>): string {
  return JSON.stringify({ status, ...rest });
}

/** Whether a final row of the journal has this status. */
export function hasStatus(sql: Sql | Transaction, status: FinalResult<unknown>['status']) {
  return sql`(state = 'final' and starts_with(result, ${startOfResult(status)}))`;
}

/** What the JSON of a result with this status begins with. */
export function startOfResult(status: FinalResult<unknown>['status']): string {
  return `{"status":"${status}"`;
}

/** The entries as rows of a table `e`. */
function rows(sql: Sql | Transaction, entries: readonly JournalEntry[]) {
  const results = entries.map(({ result }) => (result === null ? null : textOf(result)));
  return sql`
    unnest(${entries.map((e) => e.record)}::bigint[], ${entries.map((e) => e.state)}::text[],
      ${entries.map((e) => e.attempts)}::int[], ${entries.map((e) => String(e.uncertain))}::text[]::boolean[],
      ${entries.map((e) => e.dueSeconds)}::float8[], ${results}::text[])
      as e(record, state, attempts, uncertain, due, result)`;
}

/** Whether records of a batch were sent of which nothing is known yet. */
export async function callsOut(sql: Sql, batchId: string): Promise<boolean> {
  const [out] = await sql`
    select from record_journal where batch_id = ${batchId} and state = 'started' limit 1`;
  return out !== undefined;
}

export async function clearJournal(tx: Transaction, { batchId, range }: Place): Promise<void> {
  await tx`delete from record_journal where batch_id = ${batchId} and chunk = ${range.number}`;
}
