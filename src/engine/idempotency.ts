import { createHash } from 'node:crypto';
import { RequestError, RetryableFault } from '../core/errors.ts';
import {
  type IdempotencyStore,
  type KeepAnswer,
  type KeptAnswer,
  KeyTaken,
  type RequestKey,
} from './ports/request-stores.ts';

/** An answer, and whether an earlier request with the same key was given it first. */
export interface GivenAnswer {
  answer: KeptAnswer;
  replayed: boolean;
}

/**
 * Does what a request asks for once, however often it comes with the same key: who comes later is given the answer of
 * the first. Only what took effect is kept; after an error the same key may be tried again.
 * @param request `undefined`: it has no key, and takes effect each time
 * @param answer how what was made is answered
 * @param work writes what it makes and `keep` in one transaction
 * @throws {RequestError} idempotency_key_reused, and what `work` throws
 */
export async function onceUnderKey<Made>(
  store: Pick<IdempotencyStore, 'find'>,
  request: RequestKey | undefined,
  answer: (made: Made) => KeptAnswer,
  work: (keep?: KeepAnswer<Made>) => Promise<Made>,
): Promise<GivenAnswer> {
  if (request === undefined) return { answer: answer(await work()), replayed: false };
  const earlier = await keptAnswer(store, request);
  if (earlier !== null) return { answer: earlier, replayed: true };

  const given: { kept?: KeptAnswer } = {};
  const keep: KeepAnswer<Made> = {
    request,
    answer: (made) => {
      given.kept = answer(made);
      return given.kept;
    },
  };
  try {
    const made = await work(keep);
    return { answer: given.kept ?? answer(made), replayed: false };
  } catch (error) {
    if (!(error instanceof KeyTaken || error instanceof RequestError)) throw error;
    // What stands in the way may be what the first of these requests has made since we looked.
    const meanwhile = await keptAnswer(store, request);
    if (meanwhile !== null) return { answer: meanwhile, replayed: true };
    if (error instanceof RequestError) throw error;
    throw new RetryableFault('the answer under the key was forgotten at this moment', { cause: error });
  }
}

async function keptAnswer(
  store: Pick<IdempotencyStore, 'find'>,
  request: RequestKey,
): Promise<KeptAnswer | null> {
  const kept = await store.find(request);
  if (kept === null) return null;
  if (kept.fingerprint !== request.fingerprint) {
    throw new RequestError(
      'idempotency_key_reused',
      'another request was answered under this Idempotency-Key in the last 24 hours: make a new key for a new request',
    );
  }
  return kept.answer;
}

/** Hex SHA-256 of a value of JSON: the same whatever the order of its keys. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}
