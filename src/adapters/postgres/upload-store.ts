import { and, eq, sql } from 'drizzle-orm';
import type { UploadStore } from '../../engine/ports/request-stores.ts';
import type { Database } from './database.ts';
import { faultsTold } from './faults.ts';
import { uploads } from './schema.ts';

export function postgresUploadStore(db: Database): UploadStore {
  return {
    async create(upload) {
      const { urlExpiresAt, keepSeconds, ...row } = upload;
      await faultsTold(() =>
        db.insert(uploads).values({
          ...row,
          urlExpiresAt: new Date(urlExpiresAt),
          expiresAt: sql`now() + make_interval(secs => ${keepSeconds})`,
        }),
      );
    },

    async find(accountId, id) {
      const [row] = await faultsTold(() =>
        db
          .select()
          .from(uploads)
          .where(and(eq(uploads.accountId, accountId), eq(uploads.id, id))),
      );
      if (row === undefined) return null;
      return {
        ...row,
        createdAt: seconds(row.createdAt),
        urlExpiresAt: seconds(row.urlExpiresAt),
        expiresAt: seconds(row.expiresAt),
      };
    },
  };
}

function seconds(moment: Date): number {
  return moment.getTime() / 1000;
}
