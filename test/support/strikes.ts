import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import type { SeededRandom } from '../../src/cli/sample/random.ts';
import { type BatchStatus, isTerminal } from '../../src/core/batch.ts';
import { GOOD_WAY } from './statuses.ts';

/** When something is to befall a batch: in the status, with so many of its records settled there, and a moment later. */
interface Strike {
  status: BatchStatus;
  settled: number;
  laterMs: number;
}

/** Where a batch is. */
type Moment = Pick<Strike, 'status' | 'settled'>;

/** Where it is told: that answers at once, however busy a program is. */
interface Database {
  sql: Sql | Sql<{ bigint: number }>;
}

const LATEST_MS = 150;

/** In which of its statuses how many strikes fall on a batch. */
export type StrikesByStatus = readonly (readonly [BatchStatus, number])[];

/** So many strikes: most of them where a batch is at work for longest. */
export function strikesByStatus(count: number): StrikesByStatus {
  const copying = Math.max(1, Math.round(count * 0.02));
  const validating = Math.round(count * 0.3);
  const writing = Math.max(1, Math.round(count * 0.03));
  return [
    ['copying', copying],
    ['validating', validating],
    ['processing', count - copying - validating - writing],
    ['writing_results', writing],
  ];
}

/** The strikes in order, for a batch of so many records. */
export function plannedStrikes(random: SeededRandom, counts: StrikesByStatus, records: number): Strike[] {
  return counts.flatMap(([status, strikes]) =>
    Array.from({ length: strikes }, () => ({
      status,
      settled: hasChunks(status) ? random.integer(0, records * 0.9) : 0,
      laterMs: random.integer(0, LATEST_MS),
    })).sort((one, other) => one.settled - other.settled),
  );
}

/** Its work is done in chunks there. */
export const hasChunks = (status: BatchStatus) => status === 'validating' || status === 'processing';

/** Waits until the batch is so far; a moment that was missed has come too. @returns where the batch is then */
export async function reached({ sql }: Database, id: string, { status, settled }: Moment): Promise<Moment> {
  for (;;) {
    const now = await momentOf({ sql }, id);
    const ahead = GOOD_WAY.indexOf(now.status) - GOOD_WAY.indexOf(status);
    if (ahead > 0 || (ahead === 0 && now.settled >= settled) || !GOOD_WAY.includes(now.status)) return now;
    await sleep(5);
  }
}

/**
 * Lets every strike fall on the batch, as long as it has not ended.
 * @returns how many of them fell before its end, by the status that it was in
 */
export async function strikeThrough(
  sheaf: Database,
  id: string,
  strikes: readonly Strike[],
  act: () => Promise<void>,
): Promise<Map<BatchStatus, number>> {
  const fell = new Map<BatchStatus, number>();
  for (const strike of strikes) {
    await reached(sheaf, id, strike);
    await sleep(strike.laterMs);
    await act();
    const { status } = await momentOf(sheaf, id);
    if (isTerminal(status)) break;
    fell.set(status, (fell.get(status) ?? 0) + 1);
  }
  return fell;
}

async function momentOf({ sql }: Database, id: string): Promise<Moment> {
  const [now] = await sql<Moment[]>`
    select status, (select coalesce(sum(records), 0)::int from chunks where batch_id = b.id and status = 'settled')
      as settled
    from batches b where id = ${id}`;
  return now!;
}
