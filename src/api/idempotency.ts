import type { FastifyReply, FastifyRequest } from 'fastify';
import { type FieldErrorCode, invalidRequest } from '../core/errors.ts';
import { fingerprintOf, onceUnderKey } from '../engine/idempotency.ts';
import type { IdempotencyStore, KeepAnswer, KeptAnswer, RequestKey } from '../engine/ports/request-stores.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What a POST does with an `Idempotency-Key`: its answer is kept under it (`answerOnce`), or the request may be
     * repeated as it is and the key does nothing. Left out: a key is refused, as to ignore it would do the work twice.
     */
    idempotencyKey?: 'kept' | 'needless';
  }
}

const LONGEST_KEY = 255;

/** Of a route that keeps its answers: what it may answer besides the rest. */
export const REPLAYED = {
  'Idempotent-Replayed':
    '`true` when an earlier request with the same `Idempotency-Key` was given this answer first.',
};

/** @throws {RequestError} when a POST carries a key that its route cannot honour, or none that could be kept */
export function checkIdempotencyKey(request: FastifyRequest): void {
  const key = request.headers['idempotency-key'];
  if (key === undefined || request.method !== 'POST') return;
  const refuse = (code: FieldErrorCode, message: string) =>
    invalidRequest({ pointer: 'header:Idempotency-Key', code, message });

  const use = request.routeOptions.config.idempotencyKey;
  if (use === undefined) {
    const message =
      'is not supported here, so repeating this request could do its work twice; nothing was done. Send it without the header';
    throw refuse('unknown_header', message);
  }
  if (use === 'needless') return;
  if (timesGiven(request, 'idempotency-key') > 1) throw refuse('invalid', 'is given more than once');
  if (key.length === 0) throw refuse('too_short', 'must have at least 1 character');
  if (key.length > LONGEST_KEY) throw refuse('too_long', `must have at most ${LONGEST_KEY} characters`);
  if (!/^[\x20-\x7e]*$/.test(String(key))) throw refuse('invalid_format', 'must be printable ASCII');
}

/** Node joins the values of a header that is sent twice to one, which would be a key of nobody's choice. */
function timesGiven({ raw }: FastifyRequest, header: string): number {
  return raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === header).length;
}

/**
 * Answers a request with what its work makes; with a key, once, and the same each time that it comes again.
 * @throws {RequestError} idempotency_key_reused, and what `work` throws
 */
export async function answerOnce<Made, Body>(
  { idempotency }: { idempotency: IdempotencyStore },
  [request, reply]: [FastifyRequest, FastifyReply],
  answer: (made: Made) => KeptAnswer & { body: Body },
  work: (keep?: KeepAnswer<Made>) => Promise<Made>,
): Promise<Body> {
  const given = await onceUnderKey(idempotency, requestKey(request), answer, work);
  const { status, headers, body } = given.answer;
  reply.code(status).headers(headers);
  if (given.replayed) reply.header('idempotent-replayed', 'true');
  return body as Body;
}

function requestKey(request: FastifyRequest): RequestKey | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  const { params, query, body } = request;
  return {
    route: `${request.method} ${request.routeOptions.url}`,
    key: String(key),
    fingerprint: fingerprintOf({ params, query, body }),
  };
}
