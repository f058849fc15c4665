import type { ResultFile } from '../../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import type { OutsideTarget } from '../outside-target.ts';
import type { TestSheaf } from '../sheaf.ts';

/** What has come of a batch, but for what differs from run to run: ids, times, and how many attempts it took. */
export interface Outcome {
  batch: object | null;
  files: object[];
  /** Records by the handler's table, each as often as it is there. */
  written: number[];
  /** What was done on the other side, and records that were sent under more than one key. */
  done: string[];
  keysTwice: string[];
  /** Rows that should be gone: leases, journals, batches that nobody asked for. */
  left: object;
}

/** @param id of the batch @param others batches that were there before it was asked for */
export async function outcomeOf(
  sheaf: TestSheaf,
  target: OutsideTarget,
  id: string,
  others: number,
): Promise<Outcome> {
  const batch = await sheaf.account.batches.find(id);
  const results = batch?.expired === true ? [] : (batch?.results ?? []);
  const written = await sheaf.sql<{ record: number }[]>`
    select record from written where batch_id = ${id} order by record`;
  return {
    batch: batch && told(batch),
    files: await Promise.all(results.map((file) => contentOf(sheaf, file))),
    written: written.map(({ record }) => record),
    done: [...target.done.values()].sort(),
    keysTwice: [...target.keysById()].filter(([, keys]) => keys.size !== 1).map(([it]) => it),
    left: await leftOf(sheaf, id, others),
  };
}

function told({
  status,
  statuses,
  statusReason,
  failedFrom,
  counts,
  failures,
  coerced,
  expired,
  hash,
}: BatchRow) {
  const entered = statuses.map((entry) => entry.status);
  return { status, entered, statusReason, failedFrom, counts, failures, coerced, expired, hash };
}

/** A workbook tells when it was written; what is in it the other formats have too. */
async function contentOf(sheaf: TestSheaf, { key, kind, format, records }: ResultFile): Promise<object> {
  if (format === 'xlsx') return { kind, format, records };
  const text = (await sheaf.object(key)).toString();
  if (kind === 'manifest') return { kind, counts: JSON.parse(text).counts };
  return { kind, format, records, text: text.replaceAll(/"attempts":\d+/g, '"attempts":0') };
}

async function leftOf({ sql, keys }: TestSheaf, id: string, others: number): Promise<object> {
  const [row] = await sql<{ batches: number; leases: number; journal: number; chunks: number }[]>`
    select (select count(*)::int from batches) - ${others}::int as batches,
      (select count(*)::int from chunks where lease is not null or status = 'running')
        + (select count(*)::int from batches where lease is not null) as leases,
      (select count(*)::int from record_journal) as journal,
      (select count(*)::int from chunks where batch_id = ${id}) as chunks`;
  const gone = row?.chunks === 0 ? await keys(`batches/${id}/`) : [];
  return { ...row, objectsOfARemovedBatch: gone };
}
