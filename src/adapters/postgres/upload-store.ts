import { and, eq } from 'drizzle-orm';
import type { AccountLimits } from '../../core/account-limits.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { NewUpload, Upload, UploadStore } from '../../engine/ports/request-stores.ts';
import type { UploadSweep } from '../../engine/ports/sweep-stores.ts';
import { checkRoom, checkUnboundUploads, lockAccount } from './account-quota.ts';
import { writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { underKey } from './idempotency-store.ts';
import { invalidateUpload } from './invalidate-upload.ts';
import { type Owned, ownedBy } from './owned-by.ts';
import { transaction } from './transaction.ts';
import { uploads } from './upload-schema.ts';
import { uploadsToMeasure } from './uploads-to-measure.ts';
import { uploadsToRemove } from './uploads-to-remove.ts';

/** `sql` serves the transactions: drizzle's own are postgres.js's `begin` (see transaction.ts). */
export function postgresUploadStore(
  { db, sql, defaults }: { db: Database; sql: Sql; defaults: AccountLimits },
  actor: Actor,
): UploadStore {
  const own = ownedBy(sql, actor);
  return {
    create: (upload, keep) =>
      faultsTold(() =>
        transaction(sql, (tx) =>
          underKey(tx, actor, keep, async () => {
            const account = await lockAccount(tx, actor, defaults);
            const { size = null, partCount } = upload;
            await checkRoom(tx, account, size);
            if (size === null || partCount !== undefined) await checkUnboundUploads(tx, account);
            await insertUpload(tx, actor, upload);
          }),
        ),
      ),

    openParts: (id, { multipartId, urlExpiresAt }, keep) =>
      faultsTold(() =>
        transaction(sql, (tx) =>
          underKey(tx, actor, keep, async () => {
            await tx`
              update uploads set multipart_id = ${multipartId}, url_expires_at = ${new Date(urlExpiresAt)}
              where id = ${id} and ${own}`;
          }),
        ),
      ),

    async find(id) {
      const ours = and(eq(uploads.accountId, actor.accountId), eq(uploads.id, id));
      const [row] = await faultsTold(() => db.select().from(uploads).where(ours));
      return row === undefined ? null : toUpload(row);
    },

    completed: (id, bytes) =>
      faultsTold(() => transaction(sql, (tx) => complete(tx, { own, actor }, id, bytes))),

    invalidate: (id) => faultsTold(() => invalidateUpload(sql, actor, id)),
  };
}

/** Of all accounts: for workers alone. */
export function postgresUploadSweep(sql: Sql): UploadSweep {
  return {
    toRemove: (limit) => faultsTold(() => uploadsToRemove(sql, limit)),

    async removed(id) {
      await faultsTold(
        () => sql`
          update uploads set removed_at = clock_timestamp(), multipart_id = null
          where id = ${id} and removed_at is null`,
      );
    },

    toMeasure: (limit) => faultsTold(() => uploadsToMeasure(sql, limit)),

    async measured(id, bytes) {
      await faultsTold(
        () => sql`
          update uploads set stored_bytes = ${bytes}, measured_at = clock_timestamp()
          where id = ${id} and removed_at is null`,
      );
    },
  };
}

async function insertUpload(tx: Transaction, actor: Actor, upload: NewUpload): Promise<void> {
  const { filename = null, contentType = null, size = null, hash = null, partCount = null } = upload;
  await tx`
    insert into uploads (id, account_id, object_key, filename, content_type, size, stored_bytes, hash, part_count,
      url_expires_at, expires_at)
    values (${upload.id}, ${actor.accountId}, ${upload.objectKey}, ${filename}, ${contentType}, ${size}, ${size}, ${hash},
      ${partCount}, ${new Date(upload.urlExpiresAt)}, now() + make_interval(secs => ${upload.keepSeconds}))`;
  await writeAudit(tx, actor, {
    action: 'create_upload_url',
    target: { kind: 'upload', id: upload.id },
    after: { filename, size, parts: partCount },
  });
}

/** Of two that put the same parts together the second changes nothing, so it is not noted. */
async function complete(
  tx: Transaction,
  { own, actor }: { own: Owned; actor: Actor },
  id: string,
  bytes: number,
): Promise<boolean> {
  const [upload] = await tx<{ open: boolean }[]>`
    select multipart_id is not null as open from uploads
    where id = ${id} and ${own} and invalidated_at is null and removed_at is null for update`;
  if (upload === undefined) return false;
  await tx`
    update uploads set multipart_id = null, stored_bytes = ${bytes}, measured_at = clock_timestamp()
    where id = ${id} and ${own}`;
  if (upload.open) {
    const target = { kind: 'upload', id } as const;
    await writeAudit(tx, actor, { action: 'complete_upload', target, after: { bytes } });
  }
  return true;
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
