import type { Sql, Transaction } from './connect.ts';

/** What an account may have of the workers, as the claims of its work see it. */
export interface WorkerShare {
  accountId: string;
  weight: number;
  /** Chunks that may run at once; `null`: as many as there is room for. */
  mostChunks: number | null;
}

/** What is not set counts as 1: of nobody's work the claims must not make a division by nothing. */
const LEAST_WEIGHT = 0.01;

/** The share of the account `own`, by the names of `WorkerShare`. */
export function weightOf(sql: Sql | Transaction) {
  return sql`greatest(coalesce((own.limits ->> 'workerWeight')::float8, 1), ${LEAST_WEIGHT}::float8)`;
}

export function mostChunksOf(sql: Sql | Transaction) {
  return sql`(own.limits ->> 'chunks')::int`;
}

/**
 * Whether an account that may run only so many chunks may run one more. Whoever claims for it holds the lock until the
 * claim is committed, so what the next one counts is all there is; for others there is no lock.
 * @returns `locked`: somebody claims for it at this moment
 */
export async function mayRunOneMore(
  tx: Transaction,
  { accountId, mostChunks }: WorkerShare,
): Promise<boolean | 'locked'> {
  if (mostChunks === null) return true;
  const [lock] = await tx<{ taken: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtextextended(${`sheaf chunks ${accountId}`}, 0)) as taken`;
  if (!lock?.taken) return 'locked';
  const [running] = await tx<{ chunks: number }[]>`
    select count(*)::int as chunks from chunks where account_id = ${accountId} and status = 'running'`;
  return (running?.chunks ?? 0) < mostChunks;
}
