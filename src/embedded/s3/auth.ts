import { type Claim, readClaim } from './claims.ts';
import { S3Error } from './errors.ts';
import { hoist } from './hoist.ts';
import { hasBody, type S3Request } from './request.ts';
import {
  canonicalRequest,
  EMPTY_SHA256,
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

const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;

/**
 * Verifies the signature of a request, in its Authorization header or its query, and says how its body is
 * protected. Nothing is anonymous here. Every `x-amz-*` header must be signed, and every signed header present.
 * @param hashBody reads a small body, whose hash is needed when the request does not name it
 * @throws S3Error AccessDenied, SignatureDoesNotMatch, InvalidAccessKeyId, RequestTimeTooSkewed and the codes for malformed claims
 * @see Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"
 */
export async function authenticate(
  request: S3Request,
  settings: AuthSettings,
  hashBody: () => Promise<string | undefined>,
): Promise<Payload> {
  const claim = readClaim(request);
  const scope = checkScope(request, claim, settings);
  const key = signingKey(settings.credentials.secretAccessKey, scope);
  const proves = signatureCheck(request, claim, scope, key);
  const payload =
    claim.payloadHash === undefined
      ? await findPayload(request, proves, hashBody)
      : namedPayload(claim.payloadHash, proves, {
          key,
          timestamp: claim.timestamp,
          scope: scopeText(scope),
          seed: claim.signature,
        });
  if (request.http.headers['x-amz-security-token'] ?? request.query.get('X-Amz-Security-Token')) {
    throw new S3Error('InvalidToken', 'This server gives out no session tokens.');
  }
  if (claim.presigned) hoist(request);
  return payload;
}

function checkScope(request: S3Request, claim: Claim, settings: AuthSettings): Scope {
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
  return { date, region, service };
}

/**
 * Says of a payload hash whether the claim's signature is right with it. curl before 8.3 signs path and query as it
 * sends them, not in their canonical form: that binds them no less, so it is right too.
 */
function signatureCheck(
  request: S3Request,
  claim: Claim,
  scope: Scope,
  key: Buffer,
): (payloadHash: string) => boolean {
  const headers = signedHeaders(request, claim.signedHeaders);
  const query = [...request.query].filter(([name]) => !claim.presigned || name !== 'X-Amz-Signature');
  const { method, path } = request;
  const isRight = (canonical: string): boolean =>
    sameSignature(sign(key, stringToSign(claim.timestamp, scope, canonical)), claim.signature);
  return (payloadHash) => {
    const signable = { method, path, query, headers, payloadHash };
    if (isRight(canonicalRequest(signable))) return true;
    return !claim.presigned && isRight(canonicalRequest({ ...signable, target: request.http.url ?? '/' }));
  };
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

function namedPayload(hash: string, proves: (payloadHash: string) => boolean, signer: ChunkSigner): Payload {
  if (!proves(hash)) throw new S3Error('SignatureDoesNotMatch');
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

/**
 * The payload of a request without `x-amz-content-sha256`. S3 refuses such a request; curl before 8.0 makes it: it
 * signs the hash of what `-d` gave it, and for a file of `-T` the hash of nothing. That file is then as unprotected as
 * with UNSIGNED-PAYLOAD, and taken where that is usual: as the body of a PUT.
 */
async function findPayload(
  request: S3Request,
  proves: (payloadHash: string) => boolean,
  hashBody: () => Promise<string | undefined>,
): Promise<Payload> {
  if (proves(EMPTY_SHA256)) {
    if (!hasBody(request)) return { kind: 'sha256', hex: EMPTY_SHA256 };
    if (request.method === 'PUT') return { kind: 'unsigned' };
  }
  const hex = await hashBody();
  if (hex !== undefined && proves(hex)) return { kind: 'sha256', hex };
  const tooLarge = hex === undefined && hasBody(request);
  const hint =
    'Without x-amz-content-sha256 the hash of a large body cannot be checked: send UNSIGNED-PAYLOAD.';
  throw new S3Error('SignatureDoesNotMatch', undefined, tooLarge ? { Hint: hint } : {});
}
