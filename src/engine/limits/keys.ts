import type { RequestLimit } from '../../core/account-limits.ts';
import type { Rate } from '../../core/limits.ts';
import type { Operation } from '../../core/operation.ts';

/** As whose limits an operation's count. Operations may share a target; one in transactions shares with nobody. */
export function limitedAs(operation: Operation): string {
  return operation.effects === 'outside' ? `target:${operation.target}` : `operation:${operation.name}`;
}

/** Rates over the same time share what is taken, each up to its own; others of the same target are counted apart. */
export function rateKey(operation: Operation, { seconds, per }: Rate, accountId: string): string {
  const key = `${limitedAs(operation)}:${seconds}s`;
  return per === 'account' ? `${key}:${accountId}` : key;
}

/** A rate, and as what is counted what is taken of it. */
export interface KeyedRate {
  key: string;
  rate: Rate;
}

/** As what it is known in this process: the same count may be taken from by several rates, each up to its own. */
export function namedRate({ key, rate }: KeyedRate): string {
  return `${key}:${rate.records}`;
}

/**
 * The rates that hold for an account where it runs an operation that has one. What is set for the account stands in the
 * place of its own; what all accounts share holds besides, and comes last.
 */
export function ratesOf(
  operation: Operation,
  accountId: string,
  requests: Readonly<Record<string, RequestLimit>>,
): KeyedRate[] {
  const { rate } = operation.limits;
  if (rate === undefined) return [];
  const keyed = (rate: Rate): KeyedRate => ({ key: rateKey(operation, rate, accountId), rate });
  const set = Object.hasOwn(requests, operation.name) ? requests[operation.name] : undefined;
  if (set === undefined) return [keyed(rate)];
  const ofAccount = keyed({ ...rateOf(set), per: 'account' });
  return rate.per === 'operation' ? [ofAccount, keyed(rate)] : [ofAccount];
}

/** What is set for an account counts by the minute. */
export function rateOf({
  perMinute,
  lockSeconds,
}: RequestLimit): Omit<Rate, 'per'> & { lockSeconds: number } {
  return { records: perMinute, seconds: 60, lockSeconds };
}
