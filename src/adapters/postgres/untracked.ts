import type postgres from 'postgres';

/**
 * A statement of a transaction whose failure does not end the transaction, as a savepoint is gone back to. postgres.js
 * (3.4.9) notes every failure of a transaction’s statements by calling `catch` on them, and rolls all of it back in the
 * end, whatever was caught; its own savepoints are never released, and each has a prepared statement of its own.
 */
export function untracked<T extends readonly postgres.MaybeRow[]>(
  query: postgres.PendingQuery<T>,
): postgres.PendingQuery<T> {
  query.catch = () => Promise.resolve() as never;
  return query;
}
