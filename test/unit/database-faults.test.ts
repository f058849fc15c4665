import postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { postgresBatchStore } from '../../src/adapters/postgres/batch-store.ts';
import { connect } from '../../src/adapters/postgres/connect.ts';
import { openDatabase } from '../../src/adapters/postgres/database.ts';
import { asFault, isConnectionLost } from '../../src/adapters/postgres/faults.ts';
import { postgresUploadStore } from '../../src/adapters/postgres/upload-store.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import { actorFor } from '../support/actor.ts';
import { AMPLE, testCaller } from '../support/caller.ts';

function serverSaid(code: string): Error {
  return Object.assign(new postgres.PostgresError('as the server says it'), { code });
}
const wrapped = (cause: unknown) => new Error('Failed query: …', { cause });
const network = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

describe('troubles of the database', () => {
  test.each(['40001', '40P01', '55P03'])('contention (%s) is free', (code) => {
    expect(asFault(serverSaid(code))).toMatchObject({ name: 'RetryableFault', free: true });
  });

  test.each(['53300', '57014', '58030', '08006', '23505', '57P01', '25P03'])(
    '%s can be tried again',
    (code) => {
      expect(asFault(serverSaid(code))).toMatchObject({ name: 'RetryableFault', free: false });
      expect(asFault(wrapped(serverSaid(code)))).toBeInstanceOf(RetryableFault);
    },
  );

  test.each(['53100', '53300', '57P03', 'ECONNREFUSED', 'CONNECT_TIMEOUT'])(
    '%s: it is away, which speaks against no step',
    (code) => {
      const error = /^\d/.test(code) ? serverSaid(code) : network(code, { query: 'select 1' });
      expect(asFault(error)).toMatchObject({ name: 'RetryableFault', away: true });
    },
  );

  test.each(['57P01', '57P02', 'CONNECTION_CLOSED', 'ECONNRESET', '53200', '57014'])(
    '%s: the statement may be the cause',
    (code) => {
      const error = /^\d/.test(code) ? serverSaid(code) : network(code, { query: 'select 1' });
      expect(asFault(error)).toMatchObject({ name: 'RetryableFault', away: false });
    },
  );

  test.each(['22003', '42P01', '23502'])('%s is a fault of ours, and stays what it is', (code) => {
    const error = serverSaid(code);
    expect(asFault(error)).toBe(error);
  });

  test('a database that takes no connections is away; what else the same code says is a fault of ours', () => {
    const refused = Object.assign(serverSaid('55000'), { severity: 'FATAL' });
    expect(isConnectionLost(refused)).toBe(true);
    expect(asFault(wrapped(refused))).toMatchObject({ name: 'RetryableFault', free: false });
    const error = Object.assign(serverSaid('55000'), { severity: 'ERROR' });
    expect(asFault(error)).toBe(error);
  });

  test('a lost connection is told by what the driver noted on the error', () => {
    expect(isConnectionLost(network('CONNECTION_CLOSED'))).toBe(true);
    expect(isConnectionLost(network('ECONNRESET', { query: 'select 1' }))).toBe(true);
    expect(isConnectionLost(wrapped(network('ECONNREFUSED', { query: 'select 1' })))).toBe(true);
  });

  test('a handler’s own network error is not the database’s: its transaction is rolled back, not left hanging', () => {
    const error = network('ECONNREFUSED');
    expect(isConnectionLost(error)).toBe(false);
    expect(asFault(error)).toBe(error);
  });
});

test('a database that is away is a passing trouble for every request', async () => {
  // Nobody listens on port 1.
  const url = 'postgres://sheaf:x@127.0.0.1:1/sheaf';
  const database = openDatabase(url, { max: 1 });
  const sql = connect(url, { max: 1, name: 'test' });
  const id = '019930a4-0000-7000-8000-000000000000';
  const actor = actorFor(testCaller({ accountId: id }));
  const batches = postgresBatchStore({ db: database.db, sql, defaults: AMPLE }, actor);
  const uploads = postgresUploadStore({ db: database.db, sql, defaults: AMPLE }, actor);
  for (const ask of [() => batches.find(id), () => batches.list({ limit: 1 }), () => uploads.find(id)]) {
    await expect(ask()).rejects.toBeInstanceOf(RetryableFault);
  }
  await Promise.all([database.close(), sql.end({ timeout: 1 })]);
});
