import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { Operation } from '../../core/operation.ts';
import type { AccountStore } from '../ports/admin-store.ts';
import { type KeyedRate, ratesOf } from './keys.ts';

/** For so long what an admin sets may not count yet for batches that run. */
const KEPT_MS = 5000;

interface Known {
  /** Monotonic clock (ms). */
  until: number;
  settings: Promise<AccountLimitSettings>;
}

/** What is set for accounts, looked up now and then; workers know no caller who would bring it along. */
export class AccountRates {
  readonly #accounts: Pick<AccountStore, 'limitSettings'>;
  readonly #known = new Map<string, Known>();

  constructor(accounts: Pick<AccountStore, 'limitSettings'>) {
    this.#accounts = accounts;
  }

  /** Costs nothing for an operation without a rate. */
  async of(operation: Operation, accountId: string): Promise<KeyedRate[]> {
    if (operation.limits.rate === undefined) return [];
    const { requests = {} } = await this.#settingsOf(accountId);
    return ratesOf(operation, accountId, requests);
  }

  #settingsOf(accountId: string): Promise<AccountLimitSettings> {
    const now = performance.now();
    const known = this.#known.get(accountId);
    if (known !== undefined && now < known.until) return known.settings;
    for (const [id, { until }] of this.#known) if (until <= now) this.#known.delete(id);
    const settings = this.#accounts.limitSettings(accountId);
    const fresh = { until: now + KEPT_MS, settings };
    this.#known.set(accountId, fresh);
    settings.catch(() => {
      if (this.#known.get(accountId) === fresh) this.#known.delete(accountId);
    });
    return settings;
  }
}
