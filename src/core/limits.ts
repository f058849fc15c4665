/** How many records an operation takes, and how fast. */

export interface Rate {
  /** So many records in so many seconds. */
  records: number;
  seconds: number;
  /** Whether each account has a rate of its own; else all share one. */
  per: 'operation' | 'account';
  /** For how long single calls are refused once the rate is used up. In a batch the engine waits instead. */
  lockSeconds?: number;
}

/** When calls stop being made, as the other side seems to be down. */
export interface Breaker {
  /** So many calls in a row that found it down. */
  failures: number;
  /** How long nothing is sent then; afterwards one call tries. */
  seconds: number;
}

export interface OperationLimits {
  /** Most records in a chunk: they are read, dispatched and settled together. The deployment’s own limit may be lower. */
  chunkRecords?: number;
  /** Of an operation with outside effects: most records that one call is given; 1 if left out. */
  callRecords?: number;
  /** Calls at once, over all workers. */
  concurrency?: number;
  rate?: Rate;
  /** How long one call may take. */
  timeoutSeconds?: number;
  /** How often a record is tried that asks to be tried again; 5 if left out. */
  attempts?: number;
  /** Of an operation with outside effects. */
  breaker?: Breaker;
}

export const DEFAULT_ATTEMPTS = 5;

/** How long a call of an operation with effects outside may take that does not say. */
export const OUTSIDE_TIMEOUT_SECONDS = 60;

const MOST = new Map([
  ['chunkRecords', 100_000],
  ['callRecords', 100_000],
  ['concurrency', 10_000],
  ['timeoutSeconds', 3600],
  ['attempts', 100],
]);

/** What would say nothing where the calls go to the database. */
const OF_OUTSIDE = ['callRecords', 'breaker'];

/**
 * @returns those that are given: one that is `undefined`, as JavaScript allows, has its default
 * @throws {Error} saying which limit is wrong, and how
 */
export function checkLimits(
  limits: OperationLimits,
  effects: 'transaction' | 'outside' = 'transaction',
): OperationLimits {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (effects !== 'outside' && OF_OUTSIDE.includes(name)) {
      throw new Error(`limits.${name} is only for an operation with effects "outside"`);
    }
    const most = MOST.get(name);
    if (name === 'rate') checkRate(value as Rate);
    else if (name === 'breaker') checkBreaker(value as Breaker);
    else if (most === undefined) {
      throw new Error(
        `limits.${name} is no limit; there are ${[...MOST.keys(), 'rate', 'breaker'].join(', ')}`,
      );
    } else checkNumber(`limits.${name}`, value, most, name !== 'timeoutSeconds');
  }
  const { callRecords = 1, rate } = limits;
  if (rate !== undefined && callRecords > rate.records) {
    throw new Error('limits.callRecords is more than limits.rate.records: no call could ever be made');
  }
  return Object.fromEntries(given);
}

function checkRate(rate: Rate): void {
  checkNumber('limits.rate.records', rate.records, 1_000_000_000, true);
  checkNumber('limits.rate.seconds', rate.seconds, 86_400);
  if (rate.per !== 'operation' && rate.per !== 'account') {
    throw new Error('limits.rate.per must be "operation" or "account"');
  }
  if (rate.lockSeconds !== undefined) checkNumber('limits.rate.lockSeconds', rate.lockSeconds, 86_400);
}

function checkBreaker(breaker: Breaker): void {
  checkNumber('limits.breaker.failures', breaker.failures, 1_000_000, true);
  checkNumber('limits.breaker.seconds', breaker.seconds, 86_400);
}

function checkNumber(name: string, value: unknown, most: number, whole = false): void {
  const fits = typeof value === 'number' && value > 0 && value <= most && (!whole || Number.isInteger(value));
  if (!fits)
    throw new Error(
      `${name} must be a ${whole ? 'whole ' : ''}number from ${whole ? 1 : 'above 0'} to ${most}`,
    );
}
