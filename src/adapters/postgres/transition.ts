import { type BatchEvent, statusAfter, statusesBefore } from '../../core/batch.ts';
import type { Sql, Transaction } from './connect.ts';

/** The assignments with which a batch enters the status that an event leads to. */
export function enters(sql: Sql | Transaction, event: BatchEvent) {
  const status = statusAfter(event);
  return sql`
    status = ${status},
    statuses = batches.statuses || jsonb_build_object(
      'status', ${status}::text, 'ts', round(extract(epoch from clock_timestamp()), 3)),
    updated_at = clock_timestamp(), progress_done = 0`;
}

/** The guard of the same UPDATE, from the transition table. */
export function mayEnter(sql: Sql | Transaction, event: BatchEvent) {
  return sql`batches.status in ${sql(statusesBefore(event))}`;
}
