import type { Caller } from '../core/access.ts';
import type { Operation } from '../core/operation.ts';
import { ratesOf } from '../engine/limits/keys.ts';
import type { LimitStore } from '../engine/ports/limit-store.ts';
import type { Counted } from './rate-limit-headers.ts';

/**
 * Counts a single call of an operation that has a rate, together with what batches take of it. Where two rates hold,
 * one of the account and one that all share, the answer is of the one that refuses, or that has less left.
 */
export async function countSingleCall(
  limits: Pick<LimitStore, 'takeSingle'>,
  operation: Operation,
  { accountId, limits: { requests } }: Pick<Caller, 'accountId' | 'limits'>,
): Promise<Counted | null> {
  let least: Counted | null = null;
  for (const { key, rate } of ratesOf(operation, accountId, requests)) {
    const taken = await limits.takeSingle(key, rate);
    const counted = { name: operation.name, rate, taken };
    if (taken.records === 0) return counted;
    if (least === null || taken.left < least.taken.left) least = counted;
  }
  return least;
}
