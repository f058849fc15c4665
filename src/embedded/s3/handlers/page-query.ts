import { S3Error } from '../errors.ts';
import type { S3Request } from '../request.ts';
import { uriEncodePath } from '../sigv4.ts';

/** What one page of any listing of S3 holds at most. */
const MAX_ITEMS = 1000;

/** How many items a page may have; S3 caps what is more. @throws S3Error InvalidArgument */
export function countOf(request: S3Request, name: string, most = MAX_ITEMS): number {
  // Tools write `max-keys=` for none at all.
  const text = request.query.get(name) || String(most);
  if (!/^\d{1,10}$/.test(text)) throw new S3Error('InvalidArgument', `${name} must be a number.`);
  return Math.min(Number(text), most);
}

/**
 * How keys are written: with `encoding-type=url` percent-encoded, since XML 1.0 cannot hold every character that a
 * key can.
 * @throws S3Error InvalidArgument
 */
export function encoderOf(request: S3Request): (text: string) => string {
  const type = request.query.get('encoding-type');
  if (type === undefined) return (text) => text;
  if (type !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return uriEncodePath;
}
