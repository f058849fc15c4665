import { and, eq, lt, type SQL } from 'drizzle-orm';
import type { AccountLimits } from '../../core/account-limits.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { BatchStore } from '../../engine/ports/request-stores.ts';
import { batchFilter } from './batch-filters.ts';
import { type Selected, selectBatches, toRow } from './batch-rows.ts';
import { batches } from './batch-schema.ts';
import { changeBatch } from './change-batch.ts';
import type { Sql } from './connect.ts';
import { createBatch } from './create-batch.ts';
import type { Database } from './database.ts';
import { requestDeletion } from './delete-batch.ts';
import { failuresOf } from './failures.ts';
import { faultsTold } from './faults.ts';

/** `sql` serves the transactions: drizzle's own are postgres.js's `begin` (see transaction.ts). */
export function postgresBatchStore(
  { db, sql, defaults }: { db: Database; sql: Sql; defaults: AccountLimits },
  actor: Actor,
): BatchStore {
  const own = eq(batches.accountId, actor.accountId);
  return {
    create: (batch, keep) => faultsTold(() => createBatch(sql, { actor, defaults }, batch, keep)),
    find: async (id) => {
      const row = await lookAt(db, own, id);
      if (row === undefined) return null;
      if (row.page.failures !== null) return toRow(row);
      return { ...toRow(row), failures: await faultsTold(() => failuresOf(sql, id)) };
    },
    look: async (id) => {
      const row = await lookAt(db, own, id);
      return row === undefined ? null : toRow(row);
    },
    list: ({ limit, before, filters = {} }) => {
      const older = before === undefined ? undefined : lt(batches.id, before);
      const wanted = and(own, older, batchFilter(filters));
      return faultsTold(async () => (await selectBatches(db, wanted, limit)).map(toRow));
    },
    change: (id, change) => faultsTold(() => changeBatch(sql, { actor, defaults }, id, change)),
    requestDeletion: (id) => faultsTold(() => requestDeletion(sql, actor, id)),
  };
}

async function lookAt(db: Database, own: SQL, id: string): Promise<Selected | undefined> {
  const [row] = await faultsTold(() => selectBatches(db, and(own, eq(batches.id, id)), 1));
  return row;
}
