import type { FastifyReply } from 'fastify';
import type { Caller } from '../core/access.ts';
import { RequestError } from '../core/errors.ts';
import type { Rate } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import { rateKey } from '../engine/limits/keys.ts';
import type { LimitStore, Taken } from '../engine/ports/limit-store.ts';

/** Of a route that counts its calls: what its answers tell of that, errors too. */
export const RATE_LIMITS = {
  'RateLimit-Policy': 'How many calls (`q`) in how many seconds (`w`), if the operation has a rate.',
  RateLimit: 'How many of them are left (`r`), and in how many seconds all of them are again (`t`).',
};

/**
 * Counts a single call of an operation that has a rate, together with what batches take of it, and tells the client
 * what is left (draft-ietf-httpapi-ratelimit-headers).
 * @throws {RequestError} rate_limited: nothing is left, or such calls are locked since there was nothing left
 */
export async function limitSingleCall(
  limits: Pick<LimitStore, 'takeSingle'>,
  operation: Operation,
  { accountId }: Pick<Caller, 'accountId'>,
  reply: FastifyReply,
): Promise<void> {
  const { rate } = operation.limits;
  if (rate === undefined) return;
  const taken = await limits.takeSingle(rateKey(operation, rate, accountId), rate);
  reply.headers(toldOf(operation.name, rate, taken));
  if (taken.records > 0) return;
  const seconds = Math.max(1, Math.ceil(taken.waitSeconds));
  const detail = `${operation.name} was called more than ${inWords(rate)}; it takes calls again in ${seconds} s`;
  throw new RequestError('rate_limited', detail, [], seconds);
}

/** Names of operations are tokens, and need no escape; the numbers are whole ones, as the draft has them. */
function toldOf(name: string, rate: Rate, { records, left, waitSeconds, resetSeconds }: Taken) {
  const reset = records > 0 ? resetSeconds : Math.max(waitSeconds, resetSeconds);
  return {
    'ratelimit-policy': `"${name}";q=${rate.records};w=${Math.ceil(rate.seconds)}`,
    ratelimit: `"${name}";r=${Math.floor(left)};t=${Math.ceil(reset)}`,
  };
}

function inWords({ records, seconds }: Rate): string {
  return `${records} time${records === 1 ? '' : 's'} in ${seconds} s`;
}
