import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { ADMIN_ROLE } from '../core/roles.ts';
import type { CaretakerStore } from './ports/caretaker-store.ts';
import type { Passwords } from './ports/passwords.ts';

export interface MakeFirstAdmin {
  caretaker: Pick<CaretakerStore, 'hasUsers' | 'makeFirstUser'>;
  passwords: Pick<Passwords, 'hash'>;
}

const FIRST_ADMIN = 'admin';

/**
 * Makes the user `admin` of an account that has no users at all, so that somebody can sign in. May be repeated, and
 * called by several processes at once: one of them makes the user.
 * @param given the password that the settings name, which counts only now and never again
 * @returns the password that was made up, which is nowhere else: whoever is told must show it; `null`: there is none
 */
export async function makeFirstAdmin(
  { caretaker, passwords }: MakeFirstAdmin,
  account: string,
  given: string | undefined,
): Promise<string | null> {
  // A hash takes the better part of a second, and but for once all starts can do without.
  if (await caretaker.hasUsers(account)) return null;
  const password = given ?? newPassword();
  const passwordHash = await passwords.hash(password);
  const user = { id: uuidv7(), name: FIRST_ADMIN, role: ADMIN_ROLE, passwordHash };
  const made = await caretaker.makeFirstUser(account, user);
  return made && given === undefined ? password : null;
}

/** Without the digits and letters that look alike, so that it can be read aloud and typed; 32 of them. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const CHARACTERS = 24;

/** 120 random bits; a double click takes all of it. */
function newPassword(): string {
  return Array.from(randomBytes(CHARACTERS), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
