import { S3Error } from './errors.ts';
import type { ByteRange } from './ranges.ts';
import type { StoredObject } from './records.ts';

const MAX_PART_NUMBER = 10_000;

/** @throws S3Error InvalidArgument */
export function parsePartNumber(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw new S3Error(
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
  );
}

/** How many parts an object was uploaded in; undefined when it came by one PUT. */
export function partCount(object: StoredObject): number | undefined {
  const count = /-(\d+)$/.exec(object.etag)?.[1];
  return count === undefined ? undefined : Number(count);
}

/**
 * The bytes of one part of an object, as `partNumber` of a GET counts them: without gaps, whatever numbers the parts
 * had. Every part is one file; only the last may be empty, and then has none. What came by one PUT is one part.
 * A part without bytes ends before it starts.
 * @throws S3Error InvalidPartNumber when there is no such part
 */
export function partRange(object: StoredObject, number: number): ByteRange {
  const count = partCount(object);
  if (number > (count ?? 1))
    throw new S3Error('InvalidPartNumber', undefined, { ActualPartCount: String(count ?? 1) });
  const sizes = count === undefined ? [object.size] : object.segments.map(({ size }) => size);
  const start = sizes.slice(0, number - 1).reduce((sum, size) => sum + size, 0);
  return { start, end: start + (sizes[number - 1] ?? 0) - 1 };
}
