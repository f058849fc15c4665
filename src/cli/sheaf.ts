import { check } from './check.ts';
import { UsageError } from './demo-arguments.ts';
import { newOperation } from './new-operation.ts';
import { rotateTokenKeys } from './rotate-token-keys.ts';
import { setPassword } from './set-password.ts';

const HELP = `Usage:
  npx sheaf new-operation NAME [--directory DIR]
      writes a file with an operation to begin with; DIR is ./operations if left out
  npx sheaf set-password USER [--account ACCOUNT]
      asks for a new password, or takes the one that is piped in; ends the user's sessions. ACCOUNT is
      default if left out
  npx sheaf rotate-token-keys
      makes every token void that anybody has; those who have signed in get others
  npx sheaf check [--fix] [--even-most] [--json] [--older-than SECONDS]
      compares the object store with the database; --fix removes what has no owner and is older than
      SECONDS (3600 if left out), and makes the database tell the truth about what is gone; where that is
      more than stays, it is refused without --even-most. Exit code 1: something does not go together;
      130: it was interrupted

  npm start                everything on this machine, until it is stopped
  npm run demo             a sample of 100,000 records, from the upload to the results

The database is the one of DATABASE_URL, or of the npm start that runs on SHEAF_DATA_DIR; so is the
object store, with S3_ENDPOINT.
`;

/** Each answers what was done, or its exit code once it has told by itself. */
const COMMANDS: Record<string, (args: readonly string[]) => Promise<string | number>> = {
  'new-operation': newOperation,
  'set-password': setPassword,
  'rotate-token-keys': rotateTokenKeys,
  check,
};

/** The exit code: 0 done, 1 it could not be done, 2 called wrongly; a command may have others. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      process.stdout.write(HELP);
      return 0;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    const done = await command(args);
    if (typeof done === 'number') return done;
    process.stdout.write(done);
    return 0;
  } catch (error) {
    const wrong = error instanceof UsageError;
    process.stderr.write(`sheaf: ${(error as Error).message}\n${wrong ? `\n${HELP}` : ''}`);
    return wrong ? 2 : 1;
  }
}

/** `npx sheaf`: what is done at the command line besides starting and the demo. */
process.exitCode = await main(process.argv.slice(2));
