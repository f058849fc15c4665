import { and, asc, eq, sql as fragment, inArray, lt, type SQL } from 'drizzle-orm';
import { type BatchStatus, statusesBefore } from '../../core/batch.ts';
import type { AllBatchFilters, BatchesOfAll, BatchOfAny } from '../../engine/ports/admin-store.ts';
import { accounts } from './account-schema.ts';
import { batchFilter } from './batch-filters.ts';
import { type Selected, selectBatches, toRow } from './batch-rows.ts';
import { batches } from './batch-schema.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { inTime } from './in-time.ts';
import { uploads } from './upload-schema.ts';

/** `db` has connections of its own, which give up in time (admin-stores.ts). */
export function postgresBatchesOfAll(db: Database): BatchesOfAll {
  const found = () =>
    db
      .select({ id: batches.id, accountId: batches.accountId })
      .from(batches)
      .innerJoin(uploads, eq(uploads.id, batches.uploadId));
  return {
    list: ({ limit, before, filters = {} }) => {
      const older = before === undefined ? undefined : lt(batches.id, before);
      return inQuery(async () =>
        withAccounts(db, await selectBatches(db, and(older, wanted(filters)), limit)),
      );
    },

    ownerOf: (id) =>
      faultsTold(async () => {
        const [row] = await db
          .select({ accountId: batches.accountId, accountName: accounts.name, user: batches.userName })
          .from(batches)
          .innerJoin(accounts, eq(accounts.id, batches.accountId))
          .where(eq(batches.id, id));
        return row ?? null;
      }),

    cancellable: ({ limit, filters }) =>
      inBody(() =>
        found()
          .where(and(CANCELLABLE, wanted(filters)))
          .orderBy(asc(batches.id))
          .limit(limit),
      ),

    countCancellable: (filters) =>
      inBody(() =>
        db.$count(
          found()
            .where(and(CANCELLABLE, wanted(filters)))
            .as('found'),
        ),
      ),
  };
}

const STATUSES: BatchStatus[] = statusesBefore('cancel_requested');

/** Written out, so that the index of what has not ended yet is used, which has few of many. */
const CANCELLABLE = fragment`${batches.endedAt} is null and ${batches.deletedAt} is null and ${inArray(batches.status, STATUSES)}`;

function wanted({ account, ...filters }: AllBatchFilters): SQL | undefined {
  return and(account === undefined ? undefined : eq(batches.accountId, account), batchFilter(filters));
}

async function withAccounts(db: Database, rows: Selected[]): Promise<BatchOfAny[]> {
  const ids = [...new Set(rows.map(({ page }) => page.accountId))];
  const named = await db
    .select({ id: accounts.id, name: accounts.name })
    .from(accounts)
    .where(inArray(accounts.id, ids));
  const names = new Map(named.map(({ id, name }) => [id, name]));
  return rows.map((row) => ({
    ...toRow(row),
    accountName: names.get(row.page.accountId) ?? '',
    user: row.page.userName,
  }));
}

const NARROWING =
  'must be given, or another filter that fewer batches fit: there are too many to look through them all in time';

/** Where the filters are: in the query of a list, and in the body of a request to cancel. */
const inQuery = <T>(work: () => PromiseLike<T>) =>
  inTime({ pointer: '?created_from', message: NARROWING }, work);

const inBody = <T>(work: () => PromiseLike<T>) =>
  inTime({ pointer: '/created_from', message: NARROWING }, work);
