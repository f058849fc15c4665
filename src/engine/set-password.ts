import { passwordProblem } from '../core/password-rules.ts';
import type { CaretakerStore, PasswordSet } from './ports/caretaker-store.ts';
import type { Passwords } from './ports/passwords.ts';

export interface SetPassword {
  caretaker: Pick<CaretakerStore, 'setPassword'>;
  passwords: Pick<Passwords, 'hash'>;
}

/**
 * Gives somebody another password, whatever they may do and whoever asks: for whoever runs this Sheaf, when nobody can
 * sign in any more. A disabled user stays disabled.
 * @throws {Error} that says what is wrong with the password, or that there is no such user
 */
export async function setPassword(
  { caretaker, passwords }: SetPassword,
  { account, user, password }: { account: string; user: string; password: string },
): Promise<PasswordSet> {
  const problem = passwordProblem(password, user);
  if (problem !== null) throw new Error(`the password ${problem.message}`);
  const set = await caretaker.setPassword(account, user, await passwords.hash(password));
  if (set === null) throw new Error(`there is no user ${user} in the account ${account}`);
  return set;
}
