import type { RolePatch, RoleRequest, RoleView } from '../api/schemas/role.ts';
import { type ListOptions, listItems } from './list-items.ts';
import type { Connection } from './send.ts';

/** What users and keys of the caller's account may do, by the name of the role. */
export class Roles {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Those that every account has too; pages are asked for as they are needed. */
  list(options: ListOptions = {}): AsyncGenerator<RoleView> {
    return listItems(this.#connection, '/roles', options);
  }

  async get(role: string, signal?: AbortSignal): Promise<RoleView> {
    return (await this.#connection.get<RoleView>(pathOf(role), signal)).body;
  }

  async create(role: RoleRequest, signal?: AbortSignal): Promise<RoleView> {
    return await this.#connection.post('/roles', role, signal);
  }

  /** Counts for the next request of whoever has the role. */
  async change(role: string, change: RolePatch, signal?: AbortSignal): Promise<RoleView> {
    return await this.#connection.patch(pathOf(role), change, signal);
  }

  async remove(role: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.delete(pathOf(role), signal);
  }
}

function pathOf(role: string): string {
  return `/roles/${encodeURIComponent(role)}`;
}
