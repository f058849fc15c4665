import type { CheckSummary, Finding } from '../../core/findings.ts';
import type { Check, CheckObjects, CheckOptions } from './check.ts';
import { checkUploads } from './check-uploads.ts';
import { lookThrough, lookThroughUnfinished } from './look-through.ts';
import { NamingBatches } from './naming-batches.ts';

const NOTHING: CheckSummary = {
  objects: 0,
  unfinished_uploads: 0,
  bytes: 0,
  batches: 0,
  uploads: 0,
  kept: 0,
  left_to_sweep: 0,
  young: 0,
  found: 0,
  mended: 0,
};

const UNLESS_MEANT =
  'Nothing was changed; see what is told without --fix, and if that is meant, say --fix --even-most';

/**
 * Compares what the object store has with what PostgreSQL counts on, both ways, in the order of the keys and so in flat
 * memory. Safe while workers work: what is removed is what nobody can ever name again (object-place.ts), and rows are
 * changed only as long as they are as they were seen. May be broken off at any moment and run again.
 * @param tell is told of each thing that does not go together, once it was mended if it was
 * @throws {Error} with `fix`, where more would be taken away than stays: then the two do probably not belong together
 */
export async function checkObjects(
  engine: CheckObjects,
  options: CheckOptions,
  tell: (finding: Finding) => void,
): Promise<CheckSummary> {
  if (options.fix) await refuseForeign(engine, options);
  const { summary } = await compare(engine, options, tell);
  return summary;
}

/**
 * A store that was paired with the wrong database would be emptied; and of a database that was paired with the wrong store
 * every batch would expire, whose files the workers remove then from the right one. A new database on the old store soon
 * knows something of what is there, so it is more than half that counts; of that only a person can say that it is meant.
 */
async function refuseForeign(engine: CheckObjects, options: CheckOptions): Promise<void> {
  let lost = 0;
  let gone = 0;
  const { summary, taken } = await compare(engine, { ...options, fix: false }, ({ kind }) => {
    if (kind === 'object_without_owner') lost += 1;
    if (kind === 'batch_objects_gone' || kind === 'upload_gone') gone += 1;
  });
  const known = summary.kept + summary.left_to_sweep;
  if (known === 0 && lost > 0) {
    throw new Error(
      `the database knows none of the ${lost} objects that are in the object store: is it the right one? Nothing was changed`,
    );
  }
  if (known === 0 && gone > 0) {
    throw new Error(
      `the object store has nothing of the ${gone} batches and uploads that count on it: is it the right one? Nothing was changed; if it was lost, make a new batch first`,
    );
  }
  if (options.evenMost) return;
  if (taken.removed > known) {
    throw new Error(
      `the database knows ${known} of the objects that are in the object store, and ${taken.removed} would be removed: is it the right one? ${UNLESS_MEANT}`,
    );
  }
  const without = taken.expired + taken.emptied;
  const whole = summary.batches + summary.uploads - gone;
  if (without > whole) {
    throw new Error(
      `the object store has what ${whole} of the batches and uploads count on, and ${without} would expire or count as empty: is it the right one? ${UNLESS_MEANT}`,
    );
  }
}

async function compare(
  engine: CheckObjects,
  options: CheckOptions,
  tell: (finding: Finding) => void,
): Promise<Pick<Check, 'summary' | 'taken'>> {
  const summary = { ...NOTHING };
  const taken = { removed: 0, expired: 0, emptied: 0 };
  const check: Check = {
    ...options,
    ...engine,
    summary,
    taken,
    tell: (finding) => {
      summary.found += 1;
      if (finding.remedy !== null) summary.mended += 1;
      tell(finding);
    },
  };
  await lookThrough(check, 'uploads/');
  // What batches name is asked for before the store is: so it is there already when the store is looked through.
  const naming = await NamingBatches.begin(check);
  await lookThrough(check, 'batches/', (batchId, named) => naming.seen(batchId, named));
  await naming.end();
  await lookThroughUnfinished(check, 'uploads/');
  await lookThroughUnfinished(check, 'batches/');
  await checkUploads(check);
  return { summary, taken };
}
