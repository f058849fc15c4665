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
