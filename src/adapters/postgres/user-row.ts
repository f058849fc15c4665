import type { User } from '../../engine/ports/access-stores.ts';
import type { Sql, Transaction } from './connect.ts';

/** A row of `users` without its password. */
export interface UserRow {
  id: string;
  name: string;
  role: string;
  disabled: boolean;
  createdAt: Date;
  updatedAt: Date;
}

export function userColumns(sql: Sql | Transaction) {
  return sql`
    id, name, role, disabled_at is not null as disabled, created_at as "createdAt", updated_at as "updatedAt"`;
}

export function toUser({ createdAt, updatedAt, ...user }: UserRow): User {
  return { ...user, createdAt: createdAt.getTime() / 1000, updatedAt: updatedAt.getTime() / 1000 };
}
