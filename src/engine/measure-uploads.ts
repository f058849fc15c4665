import type { Log } from '../core/log.ts';
import { eachUpload } from './each-upload.ts';
import { type ObjectStore, UploadGone } from './ports/object-store.ts';
import type { MeasurableUpload, UploadSweep } from './ports/sweep-stores.ts';

export interface MeasureUploads {
  uploads: Pick<UploadSweep, 'toMeasure' | 'measured'>;
  objects: Pick<ObjectStore, 'head' | 'listParts'>;
  log: Log;
}

/**
 * Looks up how much there is of uploads to which bytes were put that nobody has told of: they count against what their
 * account may store. Done twice, it only looks twice.
 */
export async function measureUploads(engine: MeasureUploads, stop?: AbortSignal): Promise<void> {
  const { uploads, log } = engine;
  await eachUpload(
    (most) => uploads.toMeasure(most),
    async (upload) => await uploads.measured(upload.id, await bytesOf(engine, upload)),
    { log, step: 'measured', stop },
  );
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
