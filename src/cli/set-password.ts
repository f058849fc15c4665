import { parseArgs } from 'node:util';
import { setPasswordOf } from '../caretaking.ts';
import { environment, readConfig } from '../config.ts';
import { DEFAULT_ACCOUNT } from '../core/default-account.ts';
import { locateDatabase } from '../locate.ts';
import { UsageError } from './demo-arguments.ts';
import { readPassword } from './read-password.ts';

/**
 * `npx sheaf set-password USER`: for when nobody can sign in any more. Whoever can reach the database may.
 * @returns what was done
 * @throws {UsageError} @throws {Error} that says what is wrong
 */
export async function setPassword(args: readonly string[]): Promise<string> {
  const { account, user } = parsed(args);
  // Before anybody has typed anything for nothing.
  const databaseUrl = await locateDatabase(readConfig(environment()));
  const password = await readPassword(process.stdin, process.stderr, user);
  const set = await setPasswordOf(databaseUrl, { account, user, password });
  const ended = set.sessionsEnded === 0 ? '' : ` Sessions that were ended: ${set.sessionsEnded}.`;
  const disabled = set.disabled
    ? `${set.user} is disabled and cannot sign in until somebody enables it: PATCH /users/{user} with {"disabled": false}.\n`
    : '';
  return `The password of ${set.user} in the account ${account} is set.${ended}\n${disabled}`;
}

function parsed(args: readonly string[]): { account: string; user: string } {
  let given: { values: { account?: string }; positionals: string[] };
  try {
    given = parseArgs({ args: [...args], options: { account: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const [user, ...more] = given.positionals;
  if (user === undefined) throw new UsageError('say whose password it is: set-password USER');
  if (more.length > 0) throw new UsageError('one user at a time; the password is asked for, or piped in');
  return { account: given.values.account ?? DEFAULT_ACCOUNT, user };
}
