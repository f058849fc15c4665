import type postgres from 'postgres';

/** Throws all tickets of a queue on PostgreSQL away. */
export async function emptyQueueTables(sql: Pick<postgres.Sql, 'unsafe'>): Promise<void> {
  const tables = await sql.unsafe<{ name: string }[]>(
    `select 'bullmq.' || quote_ident(tablename) as name from pg_tables where schemaname = 'bullmq' and tablename <> 'migration'`,
  );
  await sql.unsafe(`truncate ${tables.map(({ name }) => name).join(', ')}`);
}
