import type { RequestRates } from '../../engine/ports/request-rates.ts';
import { connect } from './connect.ts';
import { faultsTold } from './faults.ts';
import { takeRate } from './limit-rates.ts';

/** Requests that come at once for the same key wait for each other: more connections would only wait with them. */
const CONNECTIONS = 4;

/** A request that waits longer to be counted is answered that it cannot be served. */
const STATEMENT_MS = 5_000;

const ONE = { least: 1, most: 1, single: true };

/**
 * Requests counted in PostgreSQL, beside the rates of operations; the sweep removes what says nothing any more. On
 * connections of its own, so that a crowd at one key keeps nobody else waiting.
 */
export function postgresRequestRates(databaseUrl: string): RequestRates {
  const sql = connect(databaseUrl, {
    max: CONNECTIONS,
    name: 'requests',
    statementMs: STATEMENT_MS,
    // The row is locked until its change is written: not waiting for the disk lets through several times as many. What
    // a crash of the server forgets is a fraction of a second of requests.
    durable: false,
    // To plan it takes three times as long as to do it.
    byKeyAlone: true,
  });
  return {
    take: (key, rate) => faultsTold(() => takeRate(sql, `requests:${key}`, { ...rate, per: 'account' }, ONE)),
    close: () => sql.end({ timeout: 5 }),
  };
}
