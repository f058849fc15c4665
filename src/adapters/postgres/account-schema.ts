import { boolean, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment, sha256 } from './columns.ts';

/**
 * The tables of accounts, and of what a client asked under them. `npm run migration -- NAME` writes what this and the
 * other `*schema.ts` have over the last migration into `drizzle/`; a test fails when the two have drifted apart.
 */

export const accounts = pgTable('accounts', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull().unique(),
  /** Its admins may reach into all accounts. */
  administers: boolean('administers').notNull().default(false),
  suspendedAt: moment('suspended_at'),
  /** What it may take, where that is not the default (core/account-limits.ts). */
  limits: jsonb('limits').notNull().default({}),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
});

/** Answers that were given under an `Idempotency-Key`, so that the same request again gets the same answer. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    accountId: uuid('account_id').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of what was asked: another body under the same key is an error. */
    fingerprint: sha256('fingerprint').notNull(),
    answer: jsonb('answer').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.route, table.key] }),
    index('idempotency_keys_created').on(table.createdAt),
  ],
);
