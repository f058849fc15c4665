import type { Logger } from 'pino';
import { postgresAccountStore } from './adapters/postgres/account-store.ts';
import { connect, idleInTransactionMs } from './adapters/postgres/connect.ts';
import { postgresLimitStore } from './adapters/postgres/limit-store.ts';
import { postgresPrincipalStore } from './adapters/postgres/principal-store.ts';
import { postgresWorkStore } from './adapters/postgres/work-store.ts';
import { s3ObjectStore } from './adapters/s3/object-store.ts';
import { tempFileScratch } from './adapters/scratch/temp-file.ts';
import type { Config } from './config.ts';
import { type Operation, OperationRegistry } from './core/operation.ts';
import type { DoAlone } from './engine/alone/do-alone.ts';
import { Gate } from './engine/gate.ts';
import { engineSettings } from './engine-settings.ts';
import { BUILT_IN_OPERATIONS } from './operations/built-in.ts';
import type { Locations } from './services.ts';

/**
 * For one piece of work. Its chunk's session has a connection of its own; that for renewals is never opened, as the worker
 * renews.
 */
const CONNECTIONS = 2;

/** What a process is made of that does one piece of work and ends: no queue, no sign-in, nothing that requests need. */
export function openAloneServices(
  config: Config,
  { databaseUrl, s3 }: Locations,
  log: Logger,
  own: readonly Operation[],
): DoAlone {
  const settings = engineSettings(config);
  const { leaseSeconds } = settings;
  const patience = idleInTransactionMs(leaseSeconds);
  const sql = connect(databaseUrl, {
    max: CONNECTIONS,
    name: 'alone',
    idleInTransactionMs: patience,
    lockMs: patience,
  });
  const limits = postgresLimitStore({ sql, leaseSeconds });
  return {
    log,
    settings,
    operations: new OperationRegistry([...BUILT_IN_OPERATIONS, ...own]),
    principals: postgresPrincipalStore(sql, log),
    work: postgresWorkStore({ url: databaseUrl, sql, leaseSeconds }),
    gate: new Gate({ limits, leaseSeconds, log, accounts: postgresAccountStore(sql) }),
    objects: s3ObjectStore({ ...s3, presignSeconds: config.SHEAF_URL_SECONDS }),
    openScratch: tempFileScratch,
  };
}
