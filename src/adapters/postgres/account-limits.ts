import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';

/** What is set of an account at this moment; nothing of one that is not there. */
export async function limitSettingsOf(sql: Sql, accountId: string): Promise<AccountLimitSettings> {
  const [row] = await faultsTold(
    () => sql<{ limits: AccountLimitSettings }[]>`select limits from accounts where id = ${accountId}`,
  );
  return row?.limits ?? {};
}
