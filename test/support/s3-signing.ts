import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { CREDENTIALS, REGION } from './s3-server.ts';

/*
 * Signature Version 4 by hand, sharing no code with the server: what the SDK would never send can be signed, and
 * what was signed can be changed afterwards.
 */

export interface RawRequest {
  method: string;
  /** As it goes over the wire, encoded. */
  path: string;
  /** As it goes over the wire, encoded and sorted. */
  query?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** S3's error code, or empty. */
  code: string;
}

/** A PUT of an object, still to be signed. */
export const putRequest = (
  path: string,
  body: Buffer | string = 'content',
  headers: Record<string, string> = {},
): RawRequest => ({
  method: 'PUT',
  path,
  headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
  body,
});

export const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
export const hmac = (key: Buffer | string, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest();

/** `20260101T120000Z`. */
export const timestampOf = (date: Date): string => date.toISOString().replace(/[-:]|\.\d+/g, '');

export interface SigningOptions {
  date?: Date;
  region?: string;
  service?: string;
  accessKeyId?: string;
  secret?: string;
  payloadHash?: string;
  /** Signs the hash and does not send it, as old versions of curl do. */
  undeclared?: boolean;
}

export function keyFor(
  date: string,
  { region = REGION, service = 's3', secret }: SigningOptions = {},
): Buffer {
  const first = hmac(`AWS4${secret ?? CREDENTIALS.secretAccessKey}`, date);
  return hmac(hmac(hmac(first, region), service), 'aws4_request');
}

function signature(
  request: RawRequest,
  headers: Record<string, string>,
  payloadHash: string,
  timestamp: string,
  options: SigningOptions,
): { signedHeaders: string; scope: string; value: string } {
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const scope = `${timestamp.slice(0, 8)}/${options.region ?? REGION}/${options.service ?? 's3'}/aws4_request`;
  const signedHeaders = names.join(';');
  const lines = names
    .map((name) => `${name}:${(lower.get(name) ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
  const canonical = [
    request.method,
    request.path,
    request.query ?? '',
    lines,
    signedHeaders,
    payloadHash,
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  return { signedHeaders, scope, value: hmac(keyFor(timestamp.slice(0, 8), options), text).toString('hex') };
}

/** The request with its Authorization header; every header given is signed. */
export function signed(endpoint: string, request: RawRequest, options: SigningOptions = {}): RawRequest {
  const timestamp = timestampOf(options.date ?? new Date());
  const payloadHash = options.payloadHash ?? sha256(request.body ?? '');
  const headers: Record<string, string> = {
    host: new URL(endpoint).host,
    'x-amz-date': timestamp,
    ...(options.undeclared ? {} : { 'x-amz-content-sha256': payloadHash }),
    ...request.headers,
  };
  const { signedHeaders, scope, value } = signature(request, headers, payloadHash, timestamp, options);
  const credential = `${options.accessKeyId ?? CREDENTIALS.accessKeyId}/${scope}`;
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${value}`;
  return { ...request, headers };
}

/** The request with its signature in the query. */
export function presigned(
  endpoint: string,
  request: RawRequest,
  options: SigningOptions & { expires?: string } = {},
): RawRequest {
  const timestamp = timestampOf(options.date ?? new Date());
  const headers: Record<string, string> = { host: new URL(endpoint).host, ...request.headers };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();
  const scope = `${timestamp.slice(0, 8)}/${options.region ?? REGION}/s3/aws4_request`;
  const pairs = [
    ...(request.query ? request.query.split('&') : []),
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(`${options.accessKeyId ?? CREDENTIALS.accessKeyId}/${scope}`)}`,
    `X-Amz-Date=${timestamp}`,
    `X-Amz-Expires=${options.expires ?? '300'}`,
    `X-Amz-SignedHeaders=${encodeURIComponent(names.join(';'))}`,
  ].sort();
  const query = pairs.join('&');
  const { value } = signature({ ...request, query }, headers, 'UNSIGNED-PAYLOAD', timestamp, options);
  return { ...request, query: `${query}&X-Amz-Signature=${value}`, headers };
}

/** Sends a request as it is, nothing added but what HTTP needs. */
export async function send(endpoint: string, request: RawRequest): Promise<RawResponse> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        hostname,
        port,
        method: request.method,
        path: request.query ? `${request.path}?${request.query}` : request.path,
        headers: request.headers ?? {},
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          const code = /<Code>(\w+)<\/Code>/.exec(body.toString('latin1'))?.[1] ?? '';
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, code });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(request.body ?? '');
  });
}
