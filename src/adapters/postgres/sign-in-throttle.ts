import type { Attempt, SignInThrottle, ThrottleKey } from '../../engine/ports/session-store.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';

/** A row a key, which is locked while an attempt is counted: of any number at once only as many pass as may. */
export function postgresSignInThrottle(sql: Sql): SignInThrottle {
  return {
    attempt: (keys) =>
      faultsTold(async () => {
        const counting = await thatCount(sql, keys);
        // Most of a flood ends here: nothing is written, and nobody waits for a row.
        const waitSeconds = await lockedFor(sql, counting);
        if (waitSeconds > 0) return { waitSeconds, lockSeconds: 0 };
        return await transaction(sql, (tx) => count(tx, counting));
      }),

    succeeded: (keys) => faultsTold(() => transaction(sql, (tx) => forgive(tx, keys))),

    takenBack: (keys) =>
      faultsTold(() => transaction(sql, async (tx) => takeBack(tx, await thatCount(tx, keys)))),

    async forgetOld(most) {
      const forgotten = await faultsTold(
        () => sql`
          with old as materialized (
            select key from sign_in_failures where forget_at < clock_timestamp()
            limit ${most} for update skip locked)
          delete from sign_in_failures f using old where f.key = old.key`,
      );
      return forgotten.count;
    },
  };
}

const names = (keys: readonly ThrottleKey[]) => keys.map(({ key }) => key);

/** For so long a success counts for those that come after it. */
const KNOWN_DAYS = 30;

async function thatCount(sql: Sql | Transaction, keys: readonly ThrottleKey[]): Promise<ThrottleKey[]> {
  const rows = await sql<{ key: string }[]>`
    select key from sign_in_failures where key = any(${marksOf(keys)}) and forget_at > clock_timestamp()`;
  const known = new Set(rows.map(({ key }) => key));
  return keys.filter(({ unless }) => unless === undefined || !known.has(unless));
}

function marksOf(keys: readonly ThrottleKey[]): string[] {
  return keys.flatMap(({ unless }) => unless ?? []);
}

async function lockedFor(sql: Sql, keys: readonly ThrottleKey[]): Promise<number> {
  const [row] = await sql<{ wait: number }[]>`
    select coalesce(max(extract(epoch from locked_until - clock_timestamp())), 0)::float8 as wait
    from sign_in_failures where key = any(${names(keys)})`;
  return row?.wait ?? 0;
}

/** Rows are locked in the order of their keys, so that no two attempts wait for each other. */
async function count(tx: Transaction, keys: readonly ThrottleKey[]): Promise<Attempt> {
  const rows = await tx<{ key: string; failures: number; wait: number }[]>`
    insert into sign_in_failures as f (key, failures, forget_at)
    select key, 0, clock_timestamp() + make_interval(secs => seconds)
    from unnest(${names(keys)}::text[], ${keys.map((key) => key.forgetSeconds)}::float8[]) as k (key, seconds)
    order by key
    on conflict (key) do update set
      failures = case when f.forget_at <= clock_timestamp() then 0 else f.failures end,
      locked_until = case when f.forget_at <= clock_timestamp() then null else f.locked_until end,
      forget_at = case when f.forget_at <= clock_timestamp() then excluded.forget_at else f.forget_at end
    returning key, failures,
      coalesce(greatest(0, extract(epoch from locked_until - clock_timestamp())), 0)::float8 as wait`;
  const waitSeconds = Math.max(...rows.map(({ wait }) => wait));
  // Whoever is locked at one address does no harm to those at others: nothing is counted.
  if (waitSeconds > 0) return { waitSeconds, lockSeconds: 0 };

  const failures = new Map(rows.map((row) => [row.key, row.failures + 1]));
  const locks = keys.map((key) => lockAfter(key, failures.get(key.key) ?? 1));
  await tx`
    update sign_in_failures f set failures = f.failures + 1,
      locked_until = case when k.lock > 0 then clock_timestamp() + make_interval(secs => k.lock) end,
      forget_at = greatest(f.forget_at, case when k.lock > 0
        then clock_timestamp() + make_interval(secs => k.lock + k.forget) end)
    from unnest(${names(keys)}::text[], ${locks}::float8[], ${keys.map((key) => key.forgetSeconds)}::float8[])
      as k (key, lock, forget)
    where f.key = k.key`;
  return { waitSeconds: 0, lockSeconds: Math.max(...locks) };
}

/** @param failures with this one */
function lockAfter({ free, lockSeconds, longestLockSeconds }: ThrottleKey, failures: number): number {
  if (failures < free) return 0;
  return Math.min(longestLockSeconds, lockSeconds * 2 ** Math.min(failures - free, 30));
}

/** Of keys that are kept only this attempt is taken back; marks are made. */
async function forgive(tx: Transaction, keys: readonly ThrottleKey[]): Promise<void> {
  await lock(tx, keys);
  await tx`delete from sign_in_failures where key = any(${names(keys.filter(({ keep }) => !keep))})`;
  await uncount(
    tx,
    keys.filter(({ keep }) => keep),
  );
  await tx`
    insert into sign_in_failures (key, failures, forget_at)
    select key, 0, clock_timestamp() + make_interval(days => ${KNOWN_DAYS})
    from unnest(${marksOf(keys)}::text[]) as mark (key)
    on conflict (key) do update set forget_at = excluded.forget_at`;
}

async function takeBack(tx: Transaction, keys: readonly ThrottleKey[]): Promise<void> {
  await lock(tx, keys);
  await uncount(tx, keys);
}

/**
 * Nobody passes a lock: so one that is there was set by this attempt, or by one that was looked at meanwhile. Those
 * keep their count, so the next one of them locks again.
 */
async function uncount(tx: Transaction, keys: readonly ThrottleKey[]): Promise<void> {
  await tx`
    update sign_in_failures set failures = greatest(0, failures - 1), locked_until = null
    where key = any(${names(keys)})`;
}

async function lock(tx: Transaction, keys: readonly ThrottleKey[]): Promise<void> {
  await tx`select from sign_in_failures where key = any(${names(keys)}) order by key for update`;
}
