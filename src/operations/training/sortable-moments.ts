import type { TransactionSql } from '../../core/sql.ts';

/**
 * Moments as text of one form, in UTC to the microsecond: compared as text they are compared as what the database
 * keeps, which a `Date` with its milliseconds could not tell apart.
 * @param absent what stands for a moment that is not given: none, or when the transaction began
 */
export async function sortableMoments(
  sql: TransactionSql,
  moments: readonly (string | undefined)[],
  { absent = 'none' }: { absent?: 'none' | 'now' } = {},
): Promise<(string | null)[]> {
  const given = moments.map((moment) => moment ?? null);
  if (absent === 'none' && given.every((moment) => moment === null)) return given;
  const rows = await sql<{ moment: string | null }>`
    select to_char(coalesce(v.moment, case when ${absent}::text = 'now' then now() end) at time zone 'utc',
      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
    from unnest(${given}::text[]::timestamptz[]) with ordinality as v(moment, place) order by v.place`;
  return rows.map((row) => row.moment);
}
