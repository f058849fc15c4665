import { bigint, customType, timestamp } from 'drizzle-orm/pg-core';

/** Kinds of columns that the tables share. */

export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 6 });
export const count = (name: string) => bigint(name, { mode: 'number' });
export const sha256 = customType<{ data: string }>({ dataType: () => 'char(64)' });
export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
