import type { ApiKeyRequest, ApiKeyView, NewApiKeyView } from '../api/schemas/api-key.ts';
import { type ListOptions, listItems } from './list-items.ts';
import type { Connection } from './send.ts';

/** What programs of the caller's account call with. */
export class ApiKeys {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Newest first, revoked ones too; pages are asked for as they are needed. */
  list(options: ListOptions = {}): AsyncGenerator<ApiKeyView> {
    return listItems(this.#connection, '/api-keys', options);
  }

  async get(apiKey: string, signal?: AbortSignal): Promise<ApiKeyView> {
    return (await this.#connection.get<ApiKeyView>(pathOf(apiKey), signal)).body;
  }

  /** The key itself is in this answer, and in no other. */
  async create(request: ApiKeyRequest, signal?: AbortSignal): Promise<NewApiKeyView> {
    return await this.#connection.post('/api-keys', request, signal);
  }

  /** @param apiKey its id, not the key itself */
  async revoke(apiKey: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.delete(pathOf(apiKey), signal);
  }
}

function pathOf(apiKey: string): string {
  return `/api-keys/${encodeURIComponent(apiKey)}`;
}
