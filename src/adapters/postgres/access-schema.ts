import { sql } from 'drizzle-orm';
import {
  bigint,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { accounts } from './account-schema.ts';
import { bytes, moment } from './columns.ts';

/** Who may do what, and who did it. */

export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    name: text('name').notNull(),
    /** PHC string: the algorithm, its parameters, the salt and the hash. */
    passwordHash: text('password_hash').notNull(),
    /** One of the account's own, or one that every account has (core/roles.ts), which has no row. */
    role: text('role').notNull(),
    disabledAt: moment('disabled_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('users_name').on(table.accountId, sql`lower(${table.name})`),
    index('users_role').on(table.accountId, table.role),
  ],
);

export const roles = pgTable(
  'roles',
  {
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    name: text('name').notNull(),
    description: text('description').notNull(),
    statements: jsonb('statements').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.name] })],
);

export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    name: text('name').notNull(),
    role: text('role').notNull(),
    /** SHA-256 of the key, which is nowhere. */
    hash: bytes('hash').notNull().unique(),
    hint: text('hint').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
    expiresAt: moment('expires_at'),
    /** To the minute. */
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [
    uniqueIndex('api_keys_name')
      .on(table.accountId, sql`lower(${table.name})`)
      .where(sql`${table.revokedAt} is null`),
    index('api_keys_account').on(table.accountId, table.id),
  ],
);

export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    ip: text('ip'),
    userAgent: text('user_agent'),
    createdAt: moment('created_at').notNull().defaultNow(),
    /** When no refresh token prolongs it any more. */
    expiresAt: moment('expires_at').notNull(),
    endedAt: moment('ended_at'),
  },
  (table) => [index('sessions_user').on(table.userId), index('sessions_expired').on(table.expiresAt)],
);

/** Used ones are kept as long as their session: to see one again means that two have it. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: bytes('hash').primaryKey(),
    sessionId: uuid('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    createdAt: moment('created_at').notNull().defaultNow(),
    usedAt: moment('used_at'),
  },
  (table) => [index('refresh_tokens_session').on(table.sessionId)],
);

/** What tokens are signed with, the same in all processes. */
export const signingKeys = pgTable('signing_keys', {
  id: uuid('id').primaryKey(),
  secret: bytes('secret').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
  /** Until when new tokens are signed with it. */
  signsUntil: moment('signs_until').notNull(),
  /** Until when tokens that it signed are taken. */
  verifiesUntil: moment('verifies_until').notNull(),
});

/** Attempts to sign in that did not succeed, by name and address. */
export const signInFailures = pgTable(
  'sign_in_failures',
  {
    key: text('key').primaryKey(),
    failures: integer('failures').notNull(),
    lockedUntil: moment('locked_until'),
    /** When the row says nothing any more. */
    forgetAt: moment('forget_at').notNull(),
  },
  (table) => [index('sign_in_failures_forget').on(table.forgetAt)],
);

/** Who did what to what, when and from where. It only grows: a trigger refuses everything but new rows. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull().default(sql`clock_timestamp()`),
    /** What was changed is this account's; null: nobody's, as with a name that no account has. */
    accountId: uuid('account_id'),
    actorKind: text('actor_kind').notNull(),
    actorId: uuid('actor_id'),
    actorName: text('actor_name').notNull(),
    actorAccountId: uuid('actor_account_id'),
    action: text('action').notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    ip: text('ip'),
    requestId: text('request_id'),
    before: jsonb('before'),
    after: jsonb('after'),
  },
  (table) => [
    index('audit_log_account').on(table.accountId, table.id),
    index('audit_log_at').on(table.at),
    index('audit_log_target').on(table.targetId, table.id),
    index('audit_log_actor').on(table.actorName, table.id),
  ],
);
