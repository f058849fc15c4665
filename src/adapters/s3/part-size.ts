import { PermanentFault } from '../../core/errors.ts';
import { MULTIPART } from '../../engine/ports/object-store.ts';

const MiB = 1024 ** 2;

/** Two parts in flight and one that fills: flat memory. */
const LEAST_PART_BYTES = 8 * MiB;
const LARGEST_GROWN_BYTES = 512 * MiB;

/** How many parts have the least size in any case, so that a small file takes little memory whatever was expected. */
const SMALL_PARTS = 1000;

/** As much as S3 keeps under one key. */
const LARGEST_OBJECT = 5 * 1024 ** 4;

/** How large a part of a stream is. */
export type PartSize = (number: number, expectedBytes?: number) => number;

/**
 * The first thousand parts are small. Where it is known how much may come, the others are all alike, and hold it. Where
 * it is not, they double after every thousand, and hold 2.4 TiB: a file of 50 GB has parts of at most 32 MiB.
 * @throws {PermanentFault} object_too_large: there is no such part
 */
export const partBytes: PartSize = (number, expectedBytes) => {
  if (number > MULTIPART.parts) {
    const message = `the file is larger than ${MULTIPART.parts} parts of the object store can hold`;
    throw new PermanentFault('object_too_large', message);
  }
  if (expectedBytes === undefined) {
    const doublings = Math.floor((number - 1) / SMALL_PARTS);
    return Math.min(LARGEST_GROWN_BYTES, LEAST_PART_BYTES * 2 ** doublings);
  }
  if (number <= SMALL_PARTS) return LEAST_PART_BYTES;
  const others = Math.min(expectedBytes, LARGEST_OBJECT) / (MULTIPART.parts - SMALL_PARTS);
  return Math.max(LEAST_PART_BYTES, Math.ceil(others / MiB) * MiB);
};

/** Bytes `[start, end)` of an object, as a part of a copy. */
export interface PartRange {
  number: number;
  start: number;
  end: number;
}

/** Cuts an object into the parts in which it is copied: as large as asked, and larger where 10,000 would not do. */
export function* partRanges(bytes: number, wantedBytes: number): Generator<PartRange> {
  const size = Math.max(wantedBytes, Math.ceil(bytes / MULTIPART.parts));
  for (let number = 1, start = 0; start < bytes; number += 1, start += size) {
    yield { number, start, end: Math.min(bytes, start + size) };
  }
}
