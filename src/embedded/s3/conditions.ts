import { S3Error } from './errors.ts';
import type { StoredObject } from './records.ts';

type Headers = (name: string) => string | undefined;

/**
 * Conditions of a GET or HEAD, in the order of RFC 9110 section 13.2.2.
 * @returns whether the client's copy is still good (304)
 * @throws S3Error PreconditionFailed
 */
export function checkReadConditions(header: Headers, object: StoredObject): 'send' | 'not-modified' {
  if (!holds(header('if-match'), header('if-unmodified-since'), object))
    throw failed('If-Match or If-Unmodified-Since');
  return isNews(header('if-none-match'), header('if-modified-since'), object) ? 'send' : 'not-modified';
}

/**
 * Conditions on the source of a copy: as for a GET, but that there is no 304.
 * @throws S3Error PreconditionFailed
 * @see Amazon S3 API Reference, CopyObject, "x-amz-copy-source-if-match"
 */
export function checkCopyConditions(header: Headers, source: StoredObject): void {
  const of = (name: string): string | undefined => header(`x-amz-copy-source-${name}`);
  const good =
    holds(of('if-match'), of('if-unmodified-since'), source) &&
    isNews(of('if-none-match'), of('if-modified-since'), source);
  if (!good) throw failed('x-amz-copy-source-If-Match');
}

/**
 * Conditions of a write, on what the key holds now: `If-None-Match: *` and `If-Match: etag`.
 * @throws S3Error PreconditionFailed; NoSuchKey when If-Match finds nothing; NotImplemented for other forms, as S3
 */
export function checkWriteConditions(header: Headers, current: StoredObject | undefined): void {
  const ifNoneMatch = header('if-none-match');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== '*')
      throw new S3Error('NotImplemented', 'If-None-Match of a write must be *.');
    if (current) throw failed('If-None-Match');
  }
  const ifMatch = header('if-match');
  if (ifMatch === undefined) return;
  if (!current) throw new S3Error('NoSuchKey');
  if (!listsEtag(ifMatch, current.etag)) throw failed('If-Match');
}

/** Whether a Range may be used: not when If-Range names another state of the object. */
export function rangeApplies(ifRange: string | undefined, object: StoredObject): boolean {
  if (ifRange === undefined) return true;
  const date = Date.parse(ifRange);
  if (ifRange.includes('"') || Number.isNaN(date)) return listsEtag(ifRange, object.etag);
  return toSeconds(object.modified) === toSeconds(date);
}

/** A date condition counts only where there is none on the ETag. */
function holds(ifMatch: string | undefined, since: string | undefined, object: StoredObject): boolean {
  if (ifMatch !== undefined) return listsEtag(ifMatch, object.etag);
  const date = Date.parse(since ?? '');
  return Number.isNaN(date) || toSeconds(object.modified) <= toSeconds(date);
}

function isNews(ifNoneMatch: string | undefined, since: string | undefined, object: StoredObject): boolean {
  if (ifNoneMatch !== undefined) return !listsEtag(ifNoneMatch, object.etag);
  const date = Date.parse(since ?? '');
  return Number.isNaN(date) || toSeconds(object.modified) > toSeconds(date);
}

/** ETags come quoted, and by some clients bare. */
function listsEtag(list: string, etag: string): boolean {
  return list.split(',').some((entry) => {
    const bare = entry
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return bare === '*' || bare === etag;
  });
}

function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', undefined, { Condition: condition });
}
