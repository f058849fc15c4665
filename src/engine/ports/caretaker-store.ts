import type { NewUser } from './access-stores.ts';

/**
 * What whoever runs this Sheaf does to accounts from the machine itself, on no user's behalf: the audit log notes it as
 * done by the system. Requests are given nothing of it.
 */
export interface CaretakerStore {
  /** Whether an account of that name has anybody at all; not where there is no such account. */
  hasUsers(account: string): Promise<boolean>;
  /**
   * Makes the first user of the account that administers all others, and the account if there is none; of any number of
   * processes at once one does.
   * @returns false: the account has users
   */
  makeFirstUser(account: string, user: NewUser): Promise<boolean>;
  /** Gives a user another password, and ends all of their sessions. `null`: there is no such user. */
  setPassword(account: string, user: string, passwordHash: string): Promise<PasswordSet | null>;
  /** Every token that was signed is void; sessions stay, and get others. @returns how many keys ended */
  voidTokens(): Promise<number>;
}

export interface PasswordSet {
  /** As the user is called, which may be in other letters than was asked for. */
  user: string;
  disabled: boolean;
  sessionsEnded: number;
}
