import { isTerminal } from '../../core/batch.ts';
import type { BatchLacks, Remedy } from '../../core/findings.ts';
import { placeOf } from '../object-place.ts';
import type { LackingBatch, NamedObject } from '../ports/keeping-store.ts';
import type { Check } from './check.ts';

/** Of one batch at once. */
const LOOKS_AT_ONCE = 16;

type Gone = Pick<BatchLacks, 'inputs' | 'parts' | 'results' | 'key'>;

const COUNTED = { input: 'inputs', part: 'parts', result: 'results' } as const;

/** Looks for every object that a batch names; what is gone is told, and mended where it is to be. */
export async function examineBatch(check: Check, batchId: string): Promise<void> {
  const { keeping, taken, fix, tell } = check;
  // Seen before its objects are looked for: what changes it meanwhile keeps it from being mended.
  const batch = await keeping.asItIs(batchId);
  if (batch === null) return;
  const gone: Gone = { inputs: 0, parts: 0, results: 0, key: '' };
  for await (const page of keeping.namedBy(batchId)) await lookFor(check, page, gone);
  if (gone.key === '') return;
  const { accountId: account, status } = batch;
  const remedy = remedyFor(batch, gone);
  if (remedy === 'expired') taken.expired += 1;
  const mended = fix && remedy !== null && (await mend(check, batch, remedy));
  tell({
    kind: 'batch_objects_gone',
    batch: batchId,
    account,
    status,
    ...gone,
    remedy: mended ? remedy : null,
  });
}

async function lookFor(
  { keeping, objects, signal }: Check,
  page: readonly NamedObject[],
  gone: Gone,
): Promise<void> {
  for (let from = 0; from < page.length; from += LOOKS_AT_ONCE) {
    signal?.throwIfAborted();
    const some = page.slice(from, from + LOOKS_AT_ONCE);
    const heads = await Promise.all(some.map(({ key }) => objects.head(key)));
    const missing = some.filter((_, at) => heads[at] === null);
    // It may have been removed since, with what named it.
    const places = missing.map(({ key }) => placeOf(key) ?? noPlace(key));
    const owners = await keeping.owners(places);
    for (const { key, of } of missing.filter((_, at) => owners[at]!.named)) {
      gone[COUNTED[of]] += 1;
      if (gone.key === '') gone.key = key;
    }
  }
}

/** A row that names what nobody could have written. */
function noPlace(key: string) {
  return { key, uploadId: null, batchId: key.split('/')[1] ?? null, number: null, lease: null };
}

/** The status that a batch has ended in says whether its results tell of records that were processed. */
function remedyFor(
  { status, dryRun, resultsAt }: LackingBatch,
  { inputs, parts, results }: Gone,
): Remedy | null {
  if (!isTerminal(status)) return 'left_to_workers';
  const canBeWritten = parts === 0;
  if (resultsAt === null) return canBeWritten ? 'left_to_workers' : 'expired';
  // Its results are there, and nobody can retry it any more: of that there is nothing to tell.
  if (results === 0) return null;
  const isWrittenAlike = status === 'failed' || status === 'cancelled' || (status === 'completed' && !dryRun);
  return canBeWritten && inputs === 0 && isWrittenAlike ? 'written_again' : 'expired';
}

async function mend({ keeping }: Check, batch: LackingBatch, remedy: Remedy): Promise<boolean> {
  if (remedy === 'written_again') return await keeping.writeAgain(batch);
  if (remedy === 'expired') return await keeping.expire(batch);
  return true;
}
