import { RequestError } from '../../core/errors.ts';
import { createApiKey } from '../../engine/create-api-key.ts';
import type { ApiKey } from '../../engine/ports/access-stores.ts';
import { revokeApiKey } from '../../engine/revoke-api-key.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { pageById } from '../page.ts';
import { callerOf } from '../plugins/access.ts';
import {
  type ApiKeyPage,
  ApiKeyPageSchema,
  ApiKeyParams,
  ApiKeyRequestSchema,
  ApiKeySchema,
  type ApiKeyView,
  NewApiKeySchema,
  type NewApiKeyView,
} from '../schemas/api-key.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { PageQuery } from '../schemas/page.ts';
import type { ApiInstance } from '../typed-instance.ts';
import { isUuid } from '../uuid.ts';

export function apiKeyRoutes(app: ApiInstance, services: ApiServices): void {
  postApiKey(app, services);
  getApiKeys(app, services);
  getApiKey(app, services);
  deleteApiKey(app, services);
}

function postApiKey(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/api-keys',
    {
      // No idempotency key: answers that are kept are in the database, where no key of ours may ever be.
      config: { permission: 'create_api_key', errors: ['name_taken'] },
      schema: {
        operationId: 'createApiKey',
        tags: ['Access'],
        summary: 'Make an API key',
        description:
          'For a program. The key is in this answer and in no other: only its hash is kept. Should the answer be lost, revoke the key and make another one.',
        querystring: NoQuery,
        body: reference(ApiKeyRequestSchema),
        response: {
          201: answer('The key', NewApiKeySchema, { Location: 'Where the key is, without itself.' }),
        },
      },
    },
    async (request, reply): Promise<NewApiKeyView> => {
      const { apiKeys } = accountOf(request, services);
      const { apiKey, key } = await createApiKey({ apiKeys }, callerOf(request), request.body);
      reply.code(201).header('location', `/api-keys/${apiKey.id}`);
      return { ...apiKeyView(apiKey), key };
    },
  );
}

function getApiKeys(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/api-keys',
    {
      config: { permission: 'get_api_keys' },
      schema: {
        operationId: 'listApiKeys',
        tags: ['Access'],
        summary: 'List the API keys of the account',
        description: 'Newest first, those that expired or were revoked too; without the keys themselves.',
        querystring: PageQuery,
        response: { 200: answer('A page of API keys', ApiKeyPageSchema) },
      },
    },
    async (request): Promise<ApiKeyPage> =>
      await pageById(request.query, (page) => accountOf(request, services).apiKeys.list(page), apiKeyView),
  );
}

function getApiKey(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/api-keys/:api_key',
    {
      config: { permission: 'get_api_key', errors: ['api_key_not_found'] },
      schema: {
        operationId: 'getApiKey',
        tags: ['Access'],
        summary: 'Look at an API key',
        description: 'Without the key itself, which nobody can be told again.',
        params: ApiKeyParams,
        querystring: NoQuery,
        response: { 200: answer('The key', ApiKeySchema) },
      },
    },
    async (request): Promise<ApiKeyView> => {
      const apiKey = await accountOf(request, services).apiKeys.find(apiKeyId(request.params.api_key));
      if (apiKey === null) throw notFound();
      return apiKeyView(apiKey);
    },
  );
}

function deleteApiKey(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/api-keys/:api_key',
    {
      config: { permission: 'delete_api_key', errors: ['api_key_not_found'] },
      schema: {
        operationId: 'revokeApiKey',
        tags: ['Access'],
        summary: 'Revoke an API key',
        description:
          'It is refused from the next request on, in all processes, and stays in the list. May be repeated. Needs a role that covers the key’s.',
        params: ApiKeyParams,
        querystring: NoQuery,
        response: { 204: { description: 'It is revoked', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      const { apiKeys } = accountOf(request, services);
      await revokeApiKey({ apiKeys }, callerOf(request), apiKeyId(request.params.api_key));
      reply.code(204);
    },
  );
}

function apiKeyView({
  id,
  createdBy,
  createdAt,
  expiresAt,
  lastUsedAt,
  revokedAt,
  ...key
}: ApiKey): ApiKeyView {
  const moment = (ts: number | null) => (ts === null ? null : milliseconds(ts));
  return {
    ...{ api_key: id, name: key.name, role: key.role, hint: key.hint, created_by: createdBy },
    created_ts: milliseconds(createdAt),
    expires_ts: moment(expiresAt),
    last_used_ts: moment(lastUsedAt),
    revoked_ts: moment(revokedAt),
  };
}

/** @throws {RequestError} api_key_not_found for what cannot be the id of one */
function apiKeyId(text: string): string {
  if (!isUuid(text)) throw notFound();
  return text.toLowerCase();
}

function notFound(): RequestError {
  return new RequestError('api_key_not_found', 'there is no API key with this id in the account');
}
