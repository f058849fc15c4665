import { RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { type ObjectStore, UploadGone } from './ports/object-store.ts';
import type { MeasurableUpload, UploadSweep } from './ports/sweep-stores.ts';

export interface MeasureUploads {
  uploads: Pick<UploadSweep, 'toMeasure' | 'measured'>;
  objects: Pick<ObjectStore, 'head' | 'listParts'>;
  log: Log;
}

/** In one sweep; the next one goes on. */
const MOST_AT_ONCE = 100;

/** A store that neither answers nor refuses must not keep the sweep from its other steps. */
const MOST_MS = 10_000;

/**
 * Looks up how much there is of uploads to which bytes were put that nobody has told of: they count against what their
 * account may store. Done twice, it only looks twice.
 */
export async function measureUploads(engine: MeasureUploads): Promise<void> {
  const due = await engine.uploads.toMeasure(MOST_AT_ONCE);
  const until = performance.now() + MOST_MS;
  for (const upload of due) {
    if (performance.now() > until) return;
    try {
      await engine.uploads.measured(upload.id, await bytesOf(engine, upload));
    } catch (error) {
      // A store that is away is away for all of them; what is wrong with one is not to keep the others.
      if (error instanceof RetryableFault) throw error;
      engine.log.error({ err: error, upload: upload.id }, 'an upload could not be measured');
    }
  }
}

/** Of parts that are not one object yet, what was put so far. */
async function bytesOf(
  { objects }: MeasureUploads,
  { objectKey, multipartId }: MeasurableUpload,
): Promise<number> {
  if (multipartId !== null) {
    const parts = await objects.listParts(objectKey, multipartId).catch((error: unknown) => {
      if (error instanceof UploadGone) return null;
      throw error;
    });
    if (parts !== null) return parts.reduce((sum, part) => sum + part.bytes, 0);
  }
  return (await objects.head(objectKey))?.bytes ?? 0;
}
