import type { ApiServices } from '../../src/api/app.ts';
import { RequestError } from '../../src/core/errors.ts';
import type { Account } from '../../src/engine/ports/admin-store.ts';
import type { World } from './api-memory.ts';

/** All accounts, for whoever administers; that everything is found which should be is tested on a database. */
export function adminInMemory(world: World, asked: () => void): ApiServices['admin'] {
  const accounts = new Map<string, Account>();
  const mustBeFree = (name: string | undefined) => {
    if ([...accounts.values()].some((account) => account.name === name)) {
      throw new RequestError('name_taken', `there is an account named ${name} already`);
    }
  };
  return {
    accounts: {
      create: async (_actor, { id, name, limits }) => {
        asked();
        mustBeFree(name);
        const times = { createdAt: Date.now() / 1000, updatedAt: Date.now() / 1000 };
        // The first one is that of whoever runs this Sheaf.
        const account = { id, name, administers: accounts.size === 0, suspended: false, limits, ...times };
        accounts.set(id, account);
        return account;
      },
      find: async (id) => {
        asked();
        return accounts.get(id) ?? null;
      },
      list: async ({ limit }) => {
        asked();
        return [...accounts.values()].reverse().slice(0, limit);
      },
      change: async (_actor, id, { limits: _limits, ...change }) => {
        asked();
        const account = accounts.get(id);
        if (account === undefined) {
          throw new RequestError('account_not_found', 'there is no account with this id');
        }
        if (account.administers && change.suspended) {
          throw new RequestError('account_administers', 'the account administers all others');
        }
        if (change.name !== account.name) mustBeFree(change.name);
        return Object.assign(account, change);
      },
      usage: async () => ({ storedBytes: 0, batches: 0, runningChunks: 0, users: 0 }),
      limitSettings: async (id) => accounts.get(id)?.limits ?? {},
    },
    batches: {
      list: async ({ limit }) => {
        asked();
        const rows = [...world.batches.values()].reverse().slice(0, limit);
        return rows.map((row) => ({ ...row, accountName: 'acme', user: 'ada' }));
      },
      ownerOf: async (id) => {
        asked();
        const row = world.batches.get(id);
        return row === undefined ? null : { accountId: row.accountId, accountName: 'acme', user: 'ada' };
      },
      cancellable: async () => [],
      countCancellable: async () => {
        asked();
        return 0;
      },
    },
    audit: {
      list: async () => {
        asked();
        return [];
      },
      async *export() {
        asked();
        yield [];
      },
    },
  };
}
