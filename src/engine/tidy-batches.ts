import { RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { beginAnywhere } from './begin-anywhere.ts';
import { batchPrefix } from './keys.ts';
import { placeOf, standingOf } from './object-place.ts';
import type { KeepingStore, UntidyBatch } from './ports/keeping-store.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { EngineSettings } from './settings.ts';

export interface TidyBatches {
  keeping: Pick<KeepingStore, 'owners' | 'untidy' | 'tidied'>;
  objects: Pick<ObjectStore, 'list' | 'unfinished' | 'abortMultipart' | 'removeListed'>;
  /** How far this process has come with batches that take more than one sweep. */
  tidying: Map<string, TidyPlace>;
  settings: Pick<EngineSettings, 'leaseSeconds'>;
  log: Log;
}

export interface TidyPlace {
  /** The last key that was looked at. */
  after: string;
  /** Of what stays before it. */
  bytes: number;
}

/** In one sweep; the next one goes on. */
const MOST_AT_ONCE = 50;
const MOST_MS = 5_000;

/**
 * Removes what workers that died have left in the object store of batches that have ended: parts, inputs, conversions and
 * results that no row names, and uploads that nobody will finish. Done by several at once, it is only done twice.
 */
export async function tidyBatches(engine: TidyBatches, stop?: AbortSignal): Promise<void> {
  const due = await engine.keeping.untidy(engine.settings.leaseSeconds, MOST_AT_ONCE);
  const until = performance.now() + MOST_MS;
  // A store that neither answers nor refuses must not keep what else is cleared away.
  const late = AbortSignal.timeout(2 * MOST_MS);
  const signal = stop === undefined ? late : AbortSignal.any([late, stop]);
  // The places of those that another worker has done.
  for (const id of engine.tidying.keys())
    if (!due.some(({ batchId }) => batchId === id)) engine.tidying.delete(id);
  for (const batch of beginAnywhere(due)) {
    if (performance.now() > until || signal.aborted) return;
    try {
      await tidyBatch(engine, batch, { until, signal });
    } catch (error) {
      if (signal.aborted) return;
      // A store that is away is away for all of them; what is wrong with one is not to keep the others.
      if (error instanceof RetryableFault) throw error;
      engine.log.error({ err: error, batch: batch.batchId }, 'a batch could not be tidied up');
    }
  }
}

async function tidyBatch(
  engine: TidyBatches,
  batch: UntidyBatch,
  { until, signal }: { until: number; signal: AbortSignal },
): Promise<void> {
  const prefix = batchPrefix(batch.batchId);
  const place = engine.tidying.get(batch.batchId);
  let removed = place === undefined ? await abortUploads(engine, prefix, signal) : 0;
  let bytes = place?.bytes ?? 0;
  for await (const page of engine.objects.list(prefix, { ...(place && { after: place.after }), signal })) {
    const swept = await sweptOf(engine, page, false);
    await engine.objects.removeListed(
      swept.map(({ key }) => key),
      { signal },
    );
    removed += swept.length;
    bytes += sum(page) - sum(swept);
    const last = page.at(-1);
    if (last === undefined || performance.now() <= until) continue;
    engine.tidying.set(batch.batchId, { after: last.key, bytes });
    return;
  }
  engine.tidying.delete(batch.batchId);
  await engine.keeping.tidied(batch, bytes);
  if (removed > 0)
    engine.log.info({ batch: batch.batchId, removed }, 'removed what was left behind of a batch');
}

async function abortUploads(engine: TidyBatches, prefix: string, signal: AbortSignal): Promise<number> {
  let aborted = 0;
  for await (const page of engine.objects.unfinished(prefix, { signal })) {
    const swept = await sweptOf(engine, page, true);
    for (const { key, uploadId } of swept) await engine.objects.abortMultipart(key, uploadId, signal);
    aborted += swept.length;
  }
  return aborted;
}

async function sweptOf<Found extends { key: string }>(
  { keeping }: TidyBatches,
  page: readonly Found[],
  isUnfinished: boolean,
): Promise<Found[]> {
  const placed = page.flatMap((found) => {
    const place = placeOf(found.key);
    return place === null ? [] : [{ found, place }];
  });
  const owners = await keeping.owners(placed.map(({ place }) => place));
  return placed
    .filter(({ place }, at) => standingOf(place, owners[at]!, isUnfinished) === 'swept')
    .map(({ found }) => found);
}

const sum = (objects: readonly { bytes: number }[]) => objects.reduce((all, { bytes }) => all + bytes, 0);
