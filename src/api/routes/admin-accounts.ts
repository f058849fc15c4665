import { limitsOf } from '../../core/account-limits.ts';
import { RequestError } from '../../core/errors.ts';
import { accountLimitsRequestOf } from '../../engine/account-limits.ts';
import { changeAccount } from '../../engine/change-account.ts';
import { createAccount } from '../../engine/create-account.ts';
import type { Account, AccountUsage } from '../../engine/ports/admin-store.ts';
import { actorOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { limitsView } from '../limits-view.ts';
import { pageById } from '../page.ts';
import {
  type AccountPage,
  AccountPageSchema,
  AccountParams,
  AccountPatchSchema,
  AccountRequestSchema,
  AccountSchema,
  AccountsQuery,
  type AccountView,
} from '../schemas/admin-accounts.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';
import { isUuid } from '../uuid.ts';

export function adminAccountRoutes(app: ApiInstance, services: ApiServices): void {
  getAccounts(app, services);
  postAccount(app, services);
  getAccount(app, services);
  patchAccount(app, services);
}

const tags = ['Administration'];

function getAccounts(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/accounts',
    {
      config: { permission: 'admin_get_accounts' },
      schema: {
        operationId: 'listAccounts',
        tags,
        summary: 'List the accounts',
        description: 'Newest first, without what they use.',
        querystring: AccountsQuery,
        response: { 200: answer('A page of accounts', AccountPageSchema) },
      },
    },
    async (request): Promise<AccountPage> => {
      const { search } = request.query;
      return await pageById(
        request.query,
        (page) => services.admin.accounts.list({ ...page, ...(search !== undefined && { search }) }),
        (account) => accountView(services, account),
      );
    },
  );
}

function postAccount(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/admin/accounts',
    {
      config: { permission: 'admin_create_account', errors: ['name_taken'] },
      schema: {
        operationId: 'createAccount',
        tags,
        summary: 'Add an account',
        description:
          'With its first user, if there is to be one, and its limits, as far as they are not the defaults.',
        querystring: NoQuery,
        body: reference(AccountRequestSchema),
        response: { 201: answer('The account', AccountSchema, { Location: 'Where the account is.' }) },
      },
    },
    async (request, reply): Promise<AccountView> => {
      const engine = { ...services, accounts: services.admin.accounts };
      const account = await createAccount(engine, actorOf(request), request.body);
      reply.code(201).header('location', `/admin/accounts/${account.id}`);
      return await withUsage(services, account);
    },
  );
}

function getAccount(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/accounts/:account',
    {
      config: { permission: 'admin_get_account', errors: ['account_not_found'] },
      schema: {
        operationId: 'getAccount',
        tags,
        summary: 'Look at an account, its limits, and what it uses',
        params: AccountParams,
        querystring: NoQuery,
        response: { 200: answer('The account', AccountSchema) },
      },
    },
    async (request): Promise<AccountView> => {
      const account = await services.admin.accounts.find(accountId(request.params.account));
      if (account === null) throw notFound();
      return await withUsage(services, account);
    },
  );
}

function patchAccount(app: ApiInstance, services: ApiServices): void {
  app.patch(
    '/admin/accounts/:account',
    {
      config: {
        permission: 'admin_update_account',
        errors: ['account_not_found', 'name_taken', 'account_administers'],
      },
      schema: {
        operationId: 'changeAccount',
        tags,
        summary: 'Suspend an account, let it go on, rename it, or set its limits',
        description:
          'Counts from the next request on, in all processes. The account that administers all others can be neither suspended nor renamed.',
        params: AccountParams,
        querystring: NoQuery,
        body: reference(AccountPatchSchema),
        response: { 200: answer('The account, changed', AccountSchema) },
      },
    },
    async (request): Promise<AccountView> => {
      const engine = { ...services, accounts: services.admin.accounts };
      const id = accountId(request.params.account);
      return await withUsage(services, await changeAccount(engine, actorOf(request), id, request.body));
    },
  );
}

type Shown = Pick<ApiServices, 'admin' | 'settings'>;

async function withUsage(services: Shown, account: Account): Promise<AccountView> {
  return {
    ...accountView(services, account),
    usage: usageView(await services.admin.accounts.usage(account.id)),
  };
}

function accountView({ settings }: Shown, account: Account): AccountView {
  const { id, name, administers, suspended, limits: set, createdAt, updatedAt } = account;
  const limits = limitsView(limitsOf(settings.accountLimits, set));
  return {
    account: id,
    ...{ name, administers, suspended, limits },
    limits_set: accountLimitsRequestOf(set),
    created_ts: milliseconds(createdAt),
    updated_ts: milliseconds(updatedAt),
  };
}

function usageView({ storedBytes, batches, runningChunks, users }: AccountUsage) {
  return { stored_bytes: storedBytes, batches, running_chunks: runningChunks, users };
}

/** @throws {RequestError} account_not_found for what cannot be the id of one */
function accountId(text: string): string {
  if (!isUuid(text)) throw notFound();
  return text.toLowerCase();
}

function notFound(): RequestError {
  return new RequestError('account_not_found', 'there is no account with this id');
}
