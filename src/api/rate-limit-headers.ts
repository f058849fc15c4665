import type { FastifyReply } from 'fastify';
import { RequestError } from '../core/errors.ts';
import type { Taken } from '../engine/ports/limit-store.ts';
import type { RequestRate } from '../engine/ports/request-rates.ts';

/** A rate, under the name that clients know it by, and what was taken of it. */
export interface Counted {
  name: string;
  rate: RequestRate;
  taken: Taken;
}

/**
 * Tells the client what is left (draft-ietf-httpapi-ratelimit-headers).
 * @throws {RequestError} rate_limited: nothing is left, or it is locked since there was nothing left
 */
export function tellRateLimit(reply: FastifyReply, { name, rate, taken }: Counted): void {
  const { records, left, waitSeconds, resetSeconds } = taken;
  const reset = records > 0 ? resetSeconds : Math.max(waitSeconds, resetSeconds);
  // Names are tokens, and need no escape; the numbers are whole ones, as the draft has them.
  reply.headers({
    'ratelimit-policy': `"${name}";q=${rate.records};w=${Math.ceil(rate.seconds)}`,
    ratelimit: `"${name}";r=${Math.floor(left)};t=${Math.ceil(reset)}`,
  });
  if (records > 0) return;
  const seconds = Math.max(1, Math.ceil(waitSeconds));
  const detail = `${name} was asked for more than ${inWords(rate)}; it can be asked for again in ${seconds} s`;
  throw new RequestError('rate_limited', detail, [], seconds);
}

function inWords({ records, seconds }: RequestRate): string {
  return `${records} time${records === 1 ? '' : 's'} in ${seconds} s`;
}

const HEADERS = {
  'RateLimit-Policy': {
    description:
      'How many requests (`q`) in how many seconds (`w`), under the name of the permission or operation that is counted; the account has so many, all its users and keys together.',
    schema: { type: 'string', examples: ['"get_batch";q=6000;w=60'] },
  },
  RateLimit: {
    description: 'How many of them are left (`r`), and in how many seconds all of them are again (`t`).',
    schema: { type: 'string', examples: ['"get_batch";r=5999;t=61'] },
  },
};

type Responses = Record<string, { headers?: object }>;

interface Documented {
  components?: { headers?: object };
  paths?: Record<string, Record<string, { 'x-permission'?: string | null; responses?: Responses }>>;
}

/** Writes them once into the OpenAPI document, and refers to them from what is answered where requests are counted. */
export function documentRateLimits(document: object): void {
  const { components, paths = {} } = document as Documented;
  if (components === undefined) throw new Error('the document has no components');
  components.headers = { ...components.headers, ...HEADERS };
  const references = Object.fromEntries(
    Object.keys(HEADERS).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
  for (const methods of Object.values(paths)) {
    for (const { 'x-permission': permission, responses = {} } of Object.values(methods)) {
      if (permission !== null) referTo(references, responses);
    }
  }
}

function referTo(references: object, responses: Responses): void {
  for (const [status, response] of Object.entries(responses)) {
    if (status.startsWith('2') || status === '429') response.headers = { ...response.headers, ...references };
  }
}
