import type { UserPatch, UserRequest, UserView } from '../api/schemas/user.ts';
import { type ListOptions, listItems } from './list-items.ts';
import type { Connection } from './send.ts';

/** Those of the caller's account who sign in with a password. */
export class Users {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Newest first; pages are asked for as they are needed. */
  list(options: ListOptions = {}): AsyncGenerator<UserView> {
    return listItems(this.#connection, '/users', options);
  }

  async get(user: string, signal?: AbortSignal): Promise<UserView> {
    return (await this.#connection.get<UserView>(pathOf(user), signal)).body;
  }

  async create(user: UserRequest, signal?: AbortSignal): Promise<UserView> {
    return await this.#connection.post('/users', user, signal);
  }

  /** Each of these changes ends the sessions of the user. */
  async change(user: string, change: UserPatch, signal?: AbortSignal): Promise<UserView> {
    return await this.#connection.patch(pathOf(user), change, signal);
  }

  async remove(user: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.delete(pathOf(user), signal);
  }
}

function pathOf(user: string): string {
  return `/users/${encodeURIComponent(user)}`;
}
