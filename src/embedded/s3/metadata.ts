import { validateHeaderValue } from 'node:http';
import { S3Error } from './errors.ts';
import type { Checksum, StoredObject } from './records.ts';
import { headerNames, headerOf, type S3Request } from './request.ts';

const KEPT = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
/** User metadata of one object, names and values together, in bytes. */
const MAX_USER_METADATA = 2048;

/** Headers that ask for what this server does not do; to ignore encryption or a lock would be a lie. */
const REFUSED =
  /^x-amz-(server-side-encryption|copy-source-server-side-encryption|tagging$|object-lock|grant-|write-offset|website-redirect|expected-bucket-owner|source-expected-bucket-owner|object-ownership|bucket-object-lock)/;

/**
 * Refuses requests whose headers imply what is not implemented.
 * @throws S3Error NotImplemented
 */
export function refuseUnsupported(request: S3Request): void {
  const refused = headerNames(request).find((name) => REFUSED.test(name));
  if (refused) throw new S3Error('NotImplemented', undefined, { Header: refused });
  const acl = headerOf(request, 'x-amz-acl');
  const storageClass = headerOf(request, 'x-amz-storage-class') ?? 'STANDARD';
  if (
    (acl !== undefined && !/^(private|bucket-owner-full-control)$/.test(acl)) ||
    storageClass !== 'STANDARD'
  ) {
    throw new S3Error('NotImplemented', 'Objects are private and of class STANDARD.');
  }
}

/**
 * The headers that are stored with an object and given back with it.
 * @throws S3Error MetadataTooLarge
 */
export function readMetadata(request: S3Request): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': 'binary/octet-stream' };
  for (const name of KEPT) {
    const value = headerOf(request, name);
    if (value) kept[name] = value;
  }
  const coding = withoutAwsChunked(kept['content-encoding'] ?? '');
  if (coding) kept['content-encoding'] = coding;
  else delete kept['content-encoding'];
  let size = 0;
  for (const name of headerNames(request)) {
    if (!name.startsWith('x-amz-meta-')) continue;
    const value = headerOf(request, name) ?? '';
    size += name.length - 'x-amz-meta-'.length + value.length;
    kept[name] = value;
  }
  if (size > MAX_USER_METADATA) throw new S3Error('MetadataTooLarge');
  return kept;
}

/** `aws-chunked` is how the bytes travelled, not what they are. */
function withoutAwsChunked(coding: string): string {
  const codings = coding.split(',').map((name) => name.trim());
  return codings.filter((name) => name !== '' && name.toLowerCase() !== 'aws-chunked').join(',');
}

/** Every header that tells of an object; the caller adds length and range. */
export function objectHeaders(object: StoredObject): Record<string, string> {
  return {
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.modified).toUTCString(),
    'accept-ranges': 'bytes',
  };
}

/** `response-content-type` and the like of a GET, which take the place of the stored headers. */
export function overriddenHeaders(query: ReadonlyMap<string, string>): Record<string, string> {
  const overridden: Record<string, string> = {};
  for (const name of KEPT) {
    const value = query.get(`response-${name}`);
    if (value === undefined) continue;
    try {
      validateHeaderValue(name, value);
    } catch (error) {
      throw new S3Error('InvalidArgument', `response-${name}: ${(error as Error).message}`);
    }
    overridden[name] = value;
  }
  return overridden;
}

/** Names for the query parameters that `overriddenHeaders` reads. */
export const OVERRIDES = KEPT.map((name) => `response-${name}`);

/** The headers for a checksum. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {};
  return {
    [`x-amz-checksum-${checksum.algorithm.toLowerCase()}`]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}
