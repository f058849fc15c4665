import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { ALGORITHM, UNSIGNED_PAYLOAD } from './sigv4.ts';

/** What a request says about who signed it, and how: nothing of it is believed yet. */
export interface Claim {
  credential: string;
  signedHeaders: string;
  signature: string;
  timestamp: string;
  /** Undefined when the request does not name it: then only a signature can tell. */
  payloadHash: string | undefined;
  presigned: boolean;
}

/**
 * Reads the claim of a request from its Authorization header or its query.
 * @throws S3Error AccessDenied when there is none, and the codes for malformed claims
 */
export function readClaim(request: S3Request): Claim {
  const { authorization } = request.http.headers;
  const inQuery = request.query.has('X-Amz-Signature') || request.query.has('X-Amz-Algorithm');
  if (authorization !== undefined && inQuery) {
    throw new S3Error('InvalidArgument', 'Only one auth mechanism allowed.');
  }
  if (inQuery) return readQueryClaim(request);
  if (authorization === undefined) {
    if (request.query.has('AWSAccessKeyId')) throw unsupportedMechanism();
    throw new S3Error('AccessDenied');
  }
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
  if (!authorization.startsWith(`${ALGORITHM} `)) throw unsupportedMechanism();
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
  const timestamp = request.http.headers['x-amz-date'];
  if (typeof timestamp !== 'string') throw new S3Error('AccessDenied', 'The x-amz-date header is missing.');
  const payloadHash = contentSha256(request);
  return { credential, signedHeaders: headers, signature, timestamp, payloadHash, presigned: false };
}

function contentSha256(request: S3Request): string | undefined {
  const value = request.http.headers['x-amz-content-sha256'];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Signature version 2, mostly, which S3 itself takes in its oldest regions alone. */
function unsupportedMechanism(): S3Error {
  return new S3Error(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );
}
