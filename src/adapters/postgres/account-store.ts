import { eq } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from './database.ts';
import { accounts } from './schema.ts';

/** The id of the account of that name; made if there is none, also when several processes ask at once. */
export async function ensureAccount(db: Database, name: string): Promise<string> {
  await db.insert(accounts).values({ id: uuidv7(), name }).onConflictDoNothing({ target: accounts.name });
  const [row] = await db.select({ id: accounts.id }).from(accounts).where(eq(accounts.name, name));
  if (row === undefined) throw new Error(`the account ${name} vanished while it was made`);
  return row.id;
}
