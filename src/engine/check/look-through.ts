import { placeOf, type Standing, standingOf } from '../object-place.ts';
import type { ObjectPlace } from '../ports/keeping-store.ts';
import type { FoundObject } from '../ports/object-store.ts';
import type { Check } from './check.ts';

/**
 * Finds objects that nobody counts on.
 * @param onNamed is told, batch by batch in the order of the keys, how many of its objects are there that it names
 */
export async function lookThrough(
  check: Check,
  prefix: string,
  onNamed: (batchId: string, named: number) => Promise<void> = async () => {},
): Promise<void> {
  const { objects, summary, signal } = check;
  let batchId: string | null = null;
  let seen = 0;
  for await (const page of objects.list(prefix, signal && { signal })) {
    const judged = await judge(check, page, false);
    for (const { found, place, standing } of judged) {
      summary.objects += 1;
      summary.bytes += found.bytes;
      if (place === null || place.batchId === null) continue;
      if (batchId !== place.batchId) {
        if (batchId !== null) await onNamed(batchId, seen);
        batchId = place.batchId;
        seen = 0;
      }
      if (standing.isNamed) seen += 1;
    }
    await tellPage(check, judged);
  }
  if (batchId !== null) await onNamed(batchId, seen);
}

/** Finds uploads in parts that nobody will finish. */
export async function lookThroughUnfinished(check: Check, prefix: string): Promise<void> {
  const { objects, summary, signal, fix } = check;
  for await (const page of objects.unfinished(prefix, signal && { signal })) {
    for (const { found, standing } of await judge(check, page, true)) {
      const { key, uploadId, at } = found;
      summary.unfinished_uploads += 1;
      if (!tallied(check, standing.is, at)) continue;
      if (standing.is === 'strange') {
        check.tell({ kind: 'strange_object', key, remedy: null });
        continue;
      }
      if (fix) await objects.abortMultipart(key, uploadId);
      check.tell({
        kind: 'unfinished_upload_without_owner',
        key,
        upload_id: uploadId,
        begun_ts: at / 1000,
        remedy: fix ? 'removed' : null,
      });
    }
  }
}

interface Judged<Found> {
  found: Found;
  place: ObjectPlace | null;
  standing: { is: Standing; isNamed: boolean };
}

async function judge<Found extends { key: string }>(
  { keeping }: Check,
  page: readonly Found[],
  isUnfinished: boolean,
): Promise<Judged<Found>[]> {
  const places = page.map(({ key }) => placeOf(key));
  const owners = await keeping.owners(places.filter((place) => place !== null));
  let at = 0;
  return page.map((found, index) => {
    const place = places[index] ?? null;
    const owner = place === null ? null : (owners[at++] ?? null);
    const standing = { is: standingOf(place, owner, isUnfinished), isNamed: owner?.named ?? false };
    return { found, place, standing };
  });
}

/** Counts it; true: it is to be told of. */
function tallied({ summary, marginSeconds }: Check, standing: Standing, at: number): boolean {
  if (standing === 'kept') summary.kept += 1;
  else if (standing === 'swept') summary.left_to_sweep += 1;
  else if (at > Date.now() - marginSeconds * 1000) summary.young += 1;
  else return true;
  return false;
}

/** Tells of what a page has; all lost ones of it go with one request. */
async function tellPage(check: Check, judged: readonly Judged<FoundObject>[]): Promise<void> {
  const { objects, taken, fix } = check;
  const told = judged.filter(({ found, standing }) => tallied(check, standing.is, found.at));
  const lost = told.filter(({ standing }) => standing.is === 'lost').map(({ found }) => found.key);
  taken.removed += lost.length;
  if (fix) await objects.removeListed(lost);
  for (const { found, standing } of told) {
    const { key, bytes, at } = found;
    if (standing.is === 'strange') check.tell({ kind: 'strange_object', key, remedy: null });
    else {
      const remedy = fix ? 'removed' : null;
      check.tell({ kind: 'object_without_owner', key, bytes, stored_ts: at / 1000, remedy });
    }
  }
}
