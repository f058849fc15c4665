import { sql } from 'drizzle-orm';
import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { accounts } from './account-schema.ts';
import { count, moment, sha256 } from './columns.ts';

export const uploads = pgTable(
  'uploads',
  {
    /** The handler, as the API calls it. */
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id')
      .notNull()
      .references(() => accounts.id),
    objectKey: text('object_key').notNull(),
    filename: text('filename'),
    contentType: text('content_type'),
    /** What the client stated and the signature binds; null where nothing was. */
    size: count('size'),
    hash: sha256('hash'),
    /** What lies in the object store, as far as that is known; where a size is stated it counts from the beginning. */
    storedBytes: count('stored_bytes'),
    /** When that was last looked up. */
    measuredAt: moment('measured_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    /** Until when the presigned URL takes bytes. */
    urlExpiresAt: moment('url_expires_at').notNull(),
    /** Until when a batch can be made of it. */
    expiresAt: moment('expires_at').notNull(),
    /** The batch that has copied it: then it is used up. */
    usedBy: uuid('used_by'),
    /** Of a multipart upload: its id in the object store, until it is completed or given up. */
    multipartId: text('multipart_id'),
    /** How many parts it was made with; null: a single PUT. */
    partCount: integer('part_count'),
    /** When the client took it back. */
    invalidatedAt: moment('invalidated_at'),
    /** When its object was removed: taken back, expired, or copied. */
    removedAt: moment('removed_at'),
  },
  (table) => [
    index('uploads_account').on(table.accountId, table.id),
    index('uploads_to_remove').on(table.expiresAt).where(sql`${table.removedAt} is null`),
    index('uploads_to_measure')
      .on(table.measuredAt.asc().nullsFirst(), table.id)
      .where(sql`${table.removedAt} is null`),
    index('uploads_stored').on(table.accountId, table.storedBytes).where(sql`${table.removedAt} is null`),
  ],
);
