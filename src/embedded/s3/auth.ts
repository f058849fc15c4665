import { validateHeaderName, validateHeaderValue } from 'node:http';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import {
  ALGORITHM,
  canonicalRequest,
  parseTimestamp,
  type Scope,
  sameSignature,
  scopeText,
  sign,
  signingKey,
  stringToSign,
  UNSIGNED_PAYLOAD,
} from './sigv4.ts';

/** Who may call, and where this server believes to be. */
export interface AuthSettings {
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  now: () => Date;
}

/** How the body of an authenticated request is to be read and checked. */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'sha256'; hex: string }
  | { kind: 'chunked'; signer: ChunkSigner | undefined; trailer: boolean };

/** What signs the chunks of a body whose seed signature is the request's. */
export interface ChunkSigner {
  key: Buffer;
  timestamp: string;
  scope: string;
  seed: string;
}

interface Claim {
  credential: string;
  signedHeaders: string;
  signature: string;
  timestamp: string;
  payloadHash: string;
  presigned: boolean;
}

const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;
const QUERY_NAMES = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-content-sha256',
]);

/**
 * Verifies the signature of a request, in its Authorization header or its query, and says how its body is
 * protected. Nothing is anonymous here. Every `x-amz-*` header must be signed, and every signed header present.
 * @throws S3Error AccessDenied, SignatureDoesNotMatch, InvalidAccessKeyId, RequestTimeTooSkewed and the codes for malformed claims
 * @see Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"
 */
export function authenticate(request: S3Request, settings: AuthSettings): Payload {
  const claim = readClaim(request);
  const parts = claim.credential.split('/');
  // An access key may hold slashes in some clouds; ours are compared whole, so the last four parts are the scope.
  const [date = '', region = '', service = '', terminator = ''] = parts.slice(-4);
  const malformed = claim.presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
  if (parts.length < 5 || terminator !== 'aws4_request' || service !== 's3') {
    throw new S3Error(malformed, 'The credential must be ACCESS-KEY/DATE/REGION/s3/aws4_request.');
  }
  checkTime(request, claim, date, settings.now(), malformed);
  if (!sameSignature(settings.credentials.accessKeyId, parts.slice(0, -4).join('/'))) {
    throw new S3Error('InvalidAccessKeyId');
  }
  if (region !== settings.region) {
    const message = `The region '${region}' is wrong; expecting '${settings.region}'`;
    throw new S3Error(malformed, message, { Region: settings.region });
  }
  const scope: Scope = { date, region, service };
  const key = signingKey(settings.credentials.secretAccessKey, scope);
  const canonical = canonicalRequest({
    method: request.method,
    path: request.path,
    query: [...request.query].filter(([name]) => !claim.presigned || name !== 'X-Amz-Signature'),
    headers: signedHeaders(request, claim.signedHeaders),
    payloadHash: claim.payloadHash,
  });
  if (!sameSignature(sign(key, stringToSign(claim.timestamp, scope, canonical)), claim.signature)) {
    throw new S3Error('SignatureDoesNotMatch');
  }
  if (request.http.headers['x-amz-security-token'] ?? request.query.get('X-Amz-Security-Token')) {
    throw new S3Error('InvalidToken', 'This server gives out no session tokens.');
  }
  if (claim.presigned) hoist(request);
  const signer = { key, timestamp: claim.timestamp, scope: scopeText(scope), seed: claim.signature };
  return readPayload(claim.payloadHash, signer);
}

function readClaim(request: S3Request): Claim {
  const { authorization } = request.http.headers;
  const inQuery = request.query.has('X-Amz-Signature') || request.query.has('X-Amz-Algorithm');
  if (authorization !== undefined && inQuery) {
    throw new S3Error('InvalidArgument', 'Only one auth mechanism allowed.');
  }
  if (inQuery) return readQueryClaim(request);
  if (authorization === undefined) throw new S3Error('AccessDenied');
  return readHeaderClaim(request, authorization);
}

function readQueryClaim(request: S3Request): Claim {
  const field = (name: string): string => {
    const value = request.query.get(name);
    if (!value)
      throw new S3Error('AuthorizationQueryParametersError', `The query parameter ${name} is missing.`);
    return value;
  };
  if (field('X-Amz-Algorithm') !== ALGORITHM) {
    throw new S3Error('AuthorizationQueryParametersError', `X-Amz-Algorithm only supports ${ALGORITHM}.`);
  }
  return {
    credential: field('X-Amz-Credential'),
    signedHeaders: field('X-Amz-SignedHeaders'),
    signature: field('X-Amz-Signature'),
    timestamp: field('X-Amz-Date'),
    payloadHash: request.query.get('X-Amz-Content-Sha256') ?? contentSha256(request) ?? UNSIGNED_PAYLOAD,
    presigned: true,
  };
}

function readHeaderClaim(request: S3Request, authorization: string): Claim {
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw new S3Error(
      'InvalidRequest',
      `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
    );
  }
  const fields = new Map<string, string>();
  for (const field of authorization.slice(ALGORITHM.length).split(',')) {
    const equals = field.indexOf('=');
    const name = field.slice(0, Math.max(equals, 0)).trim();
    if (equals === -1 || fields.has(name)) throw new S3Error('AuthorizationHeaderMalformed');
    fields.set(name, field.slice(equals + 1).trim());
  }
  const [credential, headers, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) =>
    fields.get(name),
  );
  if (!credential || !headers || !signature) throw new S3Error('AuthorizationHeaderMalformed');
  const payloadHash = contentSha256(request);
  if (payloadHash === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  const timestamp = request.http.headers['x-amz-date'];
  if (typeof timestamp !== 'string') throw new S3Error('AccessDenied', 'The x-amz-date header is missing.');
  return { credential, signedHeaders: headers, signature, timestamp, payloadHash, presigned: false };
}

function contentSha256(request: S3Request): string | undefined {
  const value = request.http.headers['x-amz-content-sha256'];
  return Array.isArray(value) ? value.join(',') : value;
}

function checkTime(
  request: S3Request,
  claim: Claim,
  date: string,
  now: Date,
  malformed: 'AuthorizationQueryParametersError' | 'AuthorizationHeaderMalformed',
): void {
  const signedAt = parseTimestamp(claim.timestamp);
  if (!signedAt)
    throw new S3Error(
      claim.presigned ? malformed : 'AccessDenied',
      'The date must be like 20260101T120000Z.',
    );
  if (date !== claim.timestamp.slice(0, 8)) {
    throw new S3Error(malformed, 'The date of the credential is not the date of the request.');
  }
  const age = now.getTime() - signedAt.getTime();
  const detail = { RequestTime: claim.timestamp, ServerTime: now.toISOString() };
  if (!claim.presigned) {
    if (Math.abs(age) > MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed', undefined, detail);
    return;
  }
  const expires = request.query.get('X-Amz-Expires') ?? '';
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : 0;
  if (seconds < 1 || seconds > MAX_EXPIRY_SECONDS) {
    throw new S3Error(malformed, 'X-Amz-Expires must be from 1 to 604800 seconds.');
  }
  if (age < -MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not valid yet', detail);
  if (age > seconds * 1000) throw new S3Error('AccessDenied', 'Request has expired', detail);
}

function signedHeaders(request: S3Request, list: string): Array<readonly [string, readonly string[]]> {
  const names = list.split(';');
  const signed = new Set(names);
  if (
    !signed.has('host') ||
    signed.size !== names.length ||
    names.some((name) => name !== name.toLowerCase())
  ) {
    throw new S3Error('AccessDenied', 'The signed headers must be distinct, lower-case and include host.');
  }
  // Values from rawHeaders: for some headers `headers` keeps only the first of two.
  const values = new Map<string, string[]>();
  const raw = request.http.rawHeaders;
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const list = values.get(name) ?? [];
    list.push(raw[index + 1] ?? '');
    values.set(name, list);
  }
  const unsigned = [...values.keys()].filter((name) => name.startsWith('x-amz-') && !signed.has(name));
  if (unsigned.length > 0) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: unsigned.join(', '),
    });
  }
  return [...names].sort().map((name) => {
    const found = values.get(name);
    if (!found)
      throw new S3Error('SignatureDoesNotMatch', `The signed header ${name} is not in the request.`);
    return [name, found] as const;
  });
}

function hoist(request: S3Request): void {
  for (const [name, value] of request.query) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-') || QUERY_NAMES.has(lower)) continue;
    // In the form of a header that was received, so that it can be kept and sent like one.
    const bytes = Buffer.from(value, 'utf8').toString('latin1');
    checkHeader(lower, bytes);
    const header = request.http.headers[lower];
    if (header !== undefined && header !== bytes) {
      throw new S3Error(
        'InvalidRequest',
        `${lower} is given as a header and in the query, with different values.`,
      );
    }
    request.hoisted.set(lower, bytes);
  }
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (error) {
    throw new S3Error(
      'InvalidArgument',
      `The query parameter ${name} is no valid header: ${(error as Error).message}`,
    );
  }
}

function readPayload(hash: string, signer: ChunkSigner): Payload {
  if (hash === UNSIGNED_PAYLOAD) return { kind: 'unsigned' };
  if (/^[0-9a-f]{64}$/.test(hash)) return { kind: 'sha256', hex: hash };
  switch (hash) {
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', signer, trailer: false };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', signer, trailer: true };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', signer: undefined, trailer: true };
  }
  if (hash.startsWith('STREAMING-AWS4-ECDSA'))
    throw new S3Error('NotImplemented', 'SigV4A is not supported.');
  throw new S3Error(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a SHA-256 in hex.',
  );
}
