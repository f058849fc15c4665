import { scryptPasswords } from './adapters/password/scrypt-passwords.ts';
import { postgresCaretakerStore } from './adapters/postgres/caretaker-store.ts';
import { connect } from './adapters/postgres/connect.ts';
import { postgresKeepingStore } from './adapters/postgres/keeping-store.ts';
import { type S3Server, s3ObjectStore } from './adapters/s3/object-store.ts';
import { DEFAULT_ACCOUNT } from './core/default-account.ts';
import type { CheckSummary, Finding } from './core/findings.ts';
import type { CheckOptions } from './engine/check/check.ts';
import { checkObjects } from './engine/check/check-objects.ts';
import { makeFirstAdmin } from './engine/make-first-admin.ts';
import type { CaretakerStore, PasswordSet } from './engine/ports/caretaker-store.ts';
import type { Passwords } from './engine/ports/passwords.ts';
import { setPassword } from './engine/set-password.ts';

/** What whoever runs this Sheaf does from the machine itself, each with a connection of its own; `migrate` must have run. */

/** Nothing is signed here. */
const NO_URLS = 0;

interface Caretaking {
  caretaker: CaretakerStore;
  passwords: Passwords;
}

/**
 * Makes the user `admin` of the account of whoever runs this Sheaf, unless that has users.
 * @param given SHEAF_ADMIN_PASSWORD
 * @returns the password if one was made up: it is to be shown this once, and is kept nowhere
 */
export async function firstAdmin(databaseUrl: string, given: string | undefined): Promise<string | null> {
  return await caretaking(databaseUrl, (engine) => makeFirstAdmin(engine, DEFAULT_ACCOUNT, given));
}

/** What a process prints that made the first user, for whoever starts it. */
export function firstAdminMade(password: string): string {
  return `The user admin was made. Its password, printed this once and kept nowhere:\n  ${password}\n`;
}

/** @throws {Error} that says what is wrong with the password, or that there is no such user */
export async function setPasswordOf(
  databaseUrl: string,
  user: { account: string; user: string; password: string },
): Promise<PasswordSet> {
  return await caretaking(databaseUrl, (engine) => setPassword(engine, user));
}

/** No token is taken any more, in no process, but for those that are signed from now on. @returns how many keys ended */
export async function voidTokens(databaseUrl: string): Promise<number> {
  return await caretaking(databaseUrl, ({ caretaker }) => caretaker.voidTokens());
}

/** Compares the object store with PostgreSQL. @param tell is told of each thing that does not go together */
export async function checkStore(
  { databaseUrl, s3 }: { databaseUrl: string; s3: S3Server },
  options: CheckOptions,
  tell: (finding: Finding) => void,
): Promise<CheckSummary> {
  const sql = connect(databaseUrl, { max: 1, name: 'check' });
  const objects = s3ObjectStore({ ...s3, presignSeconds: NO_URLS });
  try {
    return await checkObjects({ keeping: postgresKeepingStore(sql), objects }, options, tell);
  } finally {
    objects.close();
    await sql.end({ timeout: 5 });
  }
}

async function caretaking<T>(databaseUrl: string, work: (engine: Caretaking) => Promise<T>): Promise<T> {
  const sql = connect(databaseUrl, { max: 1, name: 'caretaking' });
  try {
    return await work({ caretaker: postgresCaretakerStore(sql), passwords: scryptPasswords() });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
