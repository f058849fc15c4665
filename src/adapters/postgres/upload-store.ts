import { and, eq } from 'drizzle-orm';
import type { Upload, UploadStore } from '../../engine/ports/request-stores.ts';
import type { Sql } from './connect.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { underKey } from './idempotency-store.ts';
import { invalidateUpload } from './invalidate-upload.ts';
import { uploads } from './schema.ts';
import { transaction } from './transaction.ts';
import { uploadsToRemove } from './uploads-to-remove.ts';

/** `sql` serves the transactions: drizzle's own are postgres.js's `begin` (see transaction.ts). */
export function postgresUploadStore({ db, sql }: { db: Database; sql: Sql }): UploadStore {
  return {
    create: (upload, keep) =>
      faultsTold(() =>
        transaction(sql, (tx) =>
          underKey(tx, keep, async () => {
            await tx`
              insert into uploads (id, account_id, object_key, filename, content_type, size, hash, part_count,
                url_expires_at, expires_at)
              values (${upload.id}, ${upload.accountId}, ${upload.objectKey}, ${upload.filename ?? null},
                ${upload.contentType ?? null}, ${upload.size ?? null}, ${upload.hash ?? null},
                ${upload.partCount ?? null}, ${new Date(upload.urlExpiresAt)},
                now() + make_interval(secs => ${upload.keepSeconds}))`;
          }),
        ),
      ),

    openParts: (id, { multipartId, urlExpiresAt }, keep) =>
      faultsTold(() =>
        transaction(sql, (tx) =>
          underKey(tx, keep, async () => {
            await tx`
              update uploads set multipart_id = ${multipartId}, url_expires_at = ${new Date(urlExpiresAt)}
              where id = ${id}`;
          }),
        ),
      ),

    async find(accountId, id) {
      const own = and(eq(uploads.accountId, accountId), eq(uploads.id, id));
      const [row] = await faultsTold(() => db.select().from(uploads).where(own));
      return row === undefined ? null : toUpload(row);
    },

    async completed(id) {
      const completed = await faultsTold(
        () => sql`
          update uploads set multipart_id = null
          where id = ${id} and invalidated_at is null and removed_at is null`,
      );
      return completed.count > 0;
    },

    invalidate: (accountId, id) => faultsTold(() => invalidateUpload(sql, accountId, id)),
    toRemove: (limit) => faultsTold(() => uploadsToRemove(sql, limit)),

    async removed(id) {
      await faultsTold(
        () => sql`
          update uploads set removed_at = clock_timestamp(), multipart_id = null
          where id = ${id} and removed_at is null`,
      );
    },
  };
}

function toUpload(row: typeof uploads.$inferSelect): Upload {
  return {
    ...row,
    createdAt: seconds(row.createdAt),
    urlExpiresAt: seconds(row.urlExpiresAt),
    expiresAt: seconds(row.expiresAt),
    invalidatedAt: row.invalidatedAt && seconds(row.invalidatedAt),
    removedAt: row.removedAt && seconds(row.removedAt),
  };
}

function seconds(moment: Date): number {
  return moment.getTime() / 1000;
}
