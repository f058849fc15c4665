import type { ObjectOwner, ObjectPlace } from './ports/keeping-store.ts';

const ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const UPLOAD = new RegExp(`^uploads/${ID}/(?<upload>${ID})$`);
const OF_BATCH = new RegExp(`^batches/(?<batch>${ID})/(?<rest>.*)$`, 's');
const OF_CHUNK = new RegExp(
  `^parts/(?:validate|process)/(?<number>[1-9]\\d{0,8})/(?<lease>${ID})/[0-9a-f]{64}$`,
);
const OF_WHOLE = new RegExp(`^(?:input|converted)/(?<lease>${ID})$|^results/(?<ofResult>${ID})/[^/]+$`);

/** What a key says of its object, the other way round than keys.ts; `null`: it is none that we write. */
export function placeOf(key: string): ObjectPlace | null {
  const nowhere = { key, uploadId: null, batchId: null, number: null, lease: null };
  const uploadId = UPLOAD.exec(key)?.groups?.upload;
  if (uploadId !== undefined) return { ...nowhere, uploadId };
  const { batch: batchId, rest = '' } = OF_BATCH.exec(key)?.groups ?? {};
  if (batchId === undefined) return null;
  const chunk = OF_CHUNK.exec(rest)?.groups;
  if (chunk !== undefined) return { ...nowhere, batchId, number: Number(chunk.number), lease: chunk.lease! };
  const whole = OF_WHOLE.exec(rest)?.groups;
  return { ...nowhere, batchId, lease: whole?.lease ?? whole?.ofResult ?? null };
}

/**
 * `kept`: something counts on it, or will; `swept`: nobody needs it, and the sweep removes it in time; `lost`: nobody
 * needs it, and nobody else will ever remove it; `strange`: it is of no form that we write, and none of our business.
 */
export type Standing = 'kept' | 'swept' | 'lost' | 'strange';

/**
 * What is held under a lease that is not the present one can never be named any more: a lease is given once, and all that
 * names an object is fenced by it. So it may go however young it is (rule 4), whatever becomes of its batch meanwhile.
 * @param isUnfinished of an upload in parts it is not its object that is named
 */
export function standingOf(
  place: ObjectPlace | null,
  owner: ObjectOwner | null,
  isUnfinished = false,
): Standing {
  if (place === null || owner === null) return 'strange';
  if (owner.held || (owner.named && !isUnfinished)) return 'kept';
  if (owner.known && place.batchId !== null && place.lease === null) return 'strange';
  return owner.swept ? 'swept' : 'lost';
}
