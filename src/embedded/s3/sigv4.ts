import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/*
 * AWS Signature Version 4 as S3 uses it: the path is encoded once and not normalised
 * (Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)").
 */

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Percent-encodes all but `A-Z a-z 0-9 - . _ ~`, in upper-case hex, as SigV4's UriEncode wants it. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Encodes a decoded path segment by segment; `/` stays as it is. */
export function uriEncodePath(path: string): string {
  return path.split('/').map(uriEncode).join('/');
}

/** The scope's parts, in the order in which the signing key is derived from them. */
export interface Scope {
  date: string;
  region: string;
  service: string;
}

/** `20260101/eu-west-1/s3/aws4_request`. */
export function scopeText(scope: Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
}

/** What is signed of a request. Header values are latin1 strings, as node:http gives them: one char, one byte. */
export interface Signable {
  method: string;
  /** Decoded path. */
  path: string;
  /** Decoded pairs, without the signature itself. */
  query: ReadonlyArray<readonly [name: string, value: string]>;
  /** Lower-case names in sorted order, with their raw values. */
  headers: ReadonlyArray<readonly [name: string, values: readonly string[]]>;
  payloadHash: string;
  /** Path and query as they were sent, where they are to be signed so and not in canonical form. */
  target?: string;
}

/** The canonical request of SigV4. */
export function canonicalRequest(request: Signable): string {
  const headers = request.headers.map(
    ([name, values]) => `${name}:${values.map((value) => value.trim().replace(/[ \t]+/g, ' ')).join(',')}\n`,
  );
  return [
    request.method,
    ...(request.target === undefined ? canonicalTarget(request) : splitTarget(request.target)),
    headers.join(''),
    request.headers.map(([name]) => name).join(';'),
    request.payloadHash,
  ].join('\n');
}

type Target = [path: string, query: string];

function canonicalTarget({ path, query }: Signable): Target {
  const pairs = query.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`);
  return [uriEncodePath(path), pairs.sort(compareEncodedPairs).join('&')];
}

function splitTarget(target: string): Target {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** By name and then by value: `=` would sort behind `-` and `.` if whole pairs were compared. */
function compareEncodedPairs(left: string, right: string): number {
  const [leftName = '', leftValue = ''] = left.split('=');
  const [rightName = '', rightValue = ''] = right.split('=');
  if (leftName !== rightName) return leftName < rightName ? -1 : 1;
  if (leftValue === rightValue) return 0;
  return leftValue < rightValue ? -1 : 1;
}

/** The string to sign for a whole request. */
export function stringToSign(timestamp: string, scope: Scope, canonical: string): string {
  const hash = createHash('sha256').update(canonical, 'latin1').digest('hex');
  return [ALGORITHM, timestamp, scopeText(scope), hash].join('\n');
}

/** The key of one day, region and service, derived from the secret. */
export function signingKey(secret: string, scope: Scope): Buffer {
  const steps = [scope.date, scope.region, scope.service, 'aws4_request'];
  return steps.reduce<Buffer>((key, step) => hmac(key, step), Buffer.from(`AWS4${secret}`, 'utf8'));
}

/** A signature in lower-case hex. */
export function sign(key: Buffer, text: string): string {
  return hmac(key, text).toString('hex');
}

/** Compares in constant time; the length of a signature is no secret. */
export function sameSignature(expected: string, given: string): boolean {
  const left = Buffer.from(expected, 'latin1');
  const right = Buffer.from(given, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

/** Reads `20260101T120000Z`; undefined for anything else, an impossible date included. */
export function parseTimestamp(text: string): Date | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime())) return undefined;
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '') === text ? date : undefined;
}
