import { S3Error } from './errors.ts';

/** First and last byte, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Reads a Range header of one range: `bytes=0-9`, `bytes=10-`, `bytes=-5`. Anything else, several ranges
 * included, is ignored as RFC 9110 section 14.2 lets a server, and the whole is sent.
 * @throws S3Error InvalidRange when no byte of the object is in it
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const unsatisfiable = new S3Error('InvalidRange', undefined, {
    RangeRequested: header ?? '',
    ActualObjectSize: String(size),
  });
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    if (length === 0) throw unsatisfiable;
    return { start: size - length, end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return undefined;
  if (start >= size) throw unsatisfiable;
  return { start, end };
}

/**
 * Reads `x-amz-copy-source-range`, which names both ends.
 * @throws S3Error InvalidArgument, InvalidRange when it goes beyond the source
 */
export function parseCopyRange(header: string, size: number): ByteRange {
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || end < start) {
    throw new S3Error('InvalidArgument', 'x-amz-copy-source-range must be like bytes=first-last.');
  }
  if (end >= size) throw new S3Error('InvalidRange', undefined, { ActualObjectSize: String(size) });
  return { start, end };
}
