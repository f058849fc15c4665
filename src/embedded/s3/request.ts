import type { IncomingMessage } from 'node:http';
import type { BodyPace } from './body-pace.ts';
import { S3Error } from './errors.ts';

/** The longest key S3 takes, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;

/** One request as the server sees it: target decoded, nothing believed yet. */
export interface S3Request {
  http: IncomingMessage;
  method: string;
  /** Decoded path, `/` included. */
  path: string;
  bucket: string;
  key: string;
  query: ReadonlyMap<string, string>;
  /**
   * A header's value, or what a presigned URL carries in its stead: SDKs move `x-amz-*` headers into the query
   * when they presign. Filled by `authenticate`, so unsigned values are never seen.
   */
  hoisted: Map<string, string>;
  /** The body, where it had to be read to check the signature. */
  readAhead?: Buffer;
  /** How slowly the body may come. */
  pace: BodyPace;
}

/** Whether the request brings a body at all. */
export function hasBody({ http }: S3Request): boolean {
  return http.headers['transfer-encoding'] !== undefined || Number(http.headers['content-length'] ?? 0) > 0;
}

/** A header of the request, or its hoisted form. */
export function headerOf(request: S3Request, name: string): string | undefined {
  const value = request.http.headers[name];
  if (value !== undefined) return Array.isArray(value) ? value.join(', ') : value;
  return request.hoisted.get(name);
}

/** The names of all headers of the request, hoisted ones included, each once. */
export function headerNames(request: S3Request): string[] {
  return [...new Set([...Object.keys(request.http.headers), ...request.hoisted.keys()])];
}

/** All headers of the request, as `headerOf` gives them. */
export function allHeaders(request: S3Request): Map<string, string> {
  return new Map(headerNames(request).map((name) => [name, headerOf(request, name) ?? '']));
}

/**
 * Reads the request's target. Path-style addressing: `/bucket/key`; the key is everything behind the second
 * slash, byte for byte: `..`, `//` and a trailing `/` are parts of a name here and nothing else.
 * @throws S3Error InvalidURI, InvalidArgument (a query name twice), KeyTooLongError
 */
export function parseRequest(http: IncomingMessage, pace: BodyPace): S3Request {
  const target = http.url ?? '/';
  // The WHATWG URL class would resolve `..` and change what was signed.
  if (!target.startsWith('/') || /[^\x21-\x7e]/.test(target)) throw new S3Error('InvalidURI');
  const mark = target.indexOf('?');
  const path = decode(mark === -1 ? target : target.slice(0, mark));
  const slash = path.indexOf('/', 1);
  const key = slash === -1 ? '' : path.slice(slash + 1);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError');
  return {
    http,
    method: http.method ?? 'GET',
    path,
    bucket: slash === -1 ? path.slice(1) : path.slice(1, slash),
    key,
    query: parseQuery(mark === -1 ? '' : target.slice(mark + 1)),
    hoisted: new Map(),
    pace,
  };
}

function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    // `+` is a space in a query, as S3 reads it; signers write `%20` and `%2B`.
    const name = decode((equals === -1 ? pair : pair.slice(0, equals)).replaceAll('+', ' '));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1).replaceAll('+', ' '));
    // Which of two values is meant would be a guess, and a guess about what was signed.
    if (query.has(name)) throw new S3Error('InvalidArgument', `The query parameter ${name} is given twice.`);
    query.set(name, value);
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) throw new S3Error('InvalidURI');
    throw error;
  }
}
