import { voidTokens } from '../caretaking.ts';
import { environment, readConfig } from '../config.ts';
import { locateDatabase } from '../locate.ts';
import { UsageError } from './demo-arguments.ts';

/**
 * `npx sheaf rotate-token-keys`: for when somebody may have seen what tokens are signed with. They rotate by themselves
 * otherwise.
 * @returns what was done
 * @throws {UsageError} @throws {Error} that says what is wrong
 */
export async function rotateTokenKeys(args: readonly string[]): Promise<string> {
  if (args.length > 0) throw new UsageError('rotate-token-keys takes nothing more');
  const ended = await voidTokens(await locateDatabase(readConfig(environment())));
  if (ended === 0) return 'There was no key: nobody has signed in yet, or all tokens were void already.\n';
  return `Every token from before is refused within 5 seconds, in all processes. Whoever has signed in stays so: refresh
tokens count, and give tokens that are signed with a new key. API keys are not concerned.
`;
}
