import type { AdminStores } from '../../engine/ports/admin-store.ts';
import { postgresAccountStore } from './account-store.ts';
import { postgresBatchesOfAll } from './all-batches.ts';
import { postgresAuditReader } from './audit-reader.ts';
import { connect, type Sql } from './connect.ts';
import { openDatabase } from './database.ts';

export interface OpenAdminStores extends AdminStores {
  close(): Promise<void>;
}

/** A statement that takes longer is given up. */
const LONGEST_MS = 10_000;

const CONNECTIONS = 2;

/**
 * What looks through all accounts has few connections, and its own: however much there is to look through, and however
 * many look, nobody else's request waits for one.
 * @param sql serves what changes something
 */
export function openAdminStores(url: string, sql: Sql, statementMs = LONGEST_MS): OpenAdminStores {
  const options = { max: CONNECTIONS, name: 'admin', statementMs };
  const forBatches = openDatabase(url, options);
  const forAudit = connect(url, options);
  return {
    accounts: postgresAccountStore(sql),
    batches: postgresBatchesOfAll(forBatches.db),
    audit: postgresAuditReader(forAudit),
    close: async () => {
      await Promise.all([forBatches.close(), forAudit.end({ timeout: 5 })]);
    },
  };
}
