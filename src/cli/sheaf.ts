import { UsageError } from './demo-arguments.ts';
import { newOperation } from './new-operation.ts';

const HELP = `Usage:
  npx sheaf new-operation NAME [--directory DIR]
      writes a file with an operation to begin with; DIR is ./operations if left out

  npm start                everything on this machine, until it is stopped
  npm run demo             a sample of 100,000 records, from the upload to the results
`;

/** The exit code: 0 done, 1 it could not be done, 2 called wrongly. */
async function main([command, ...args]: readonly string[]): Promise<number> {
  try {
    if (command === undefined || command === 'help' || command === '--help' || command === '-h') {
      process.stdout.write(HELP);
      return 0;
    }
    if (command !== 'new-operation') {
      throw new UsageError(`there is no command ${JSON.stringify(command)}`);
    }
    process.stdout.write(await newOperation(args));
    return 0;
  } catch (error) {
    const wrong = error instanceof UsageError;
    process.stderr.write(`sheaf: ${(error as Error).message}\n${wrong ? `\n${HELP}` : ''}`);
    return wrong ? 2 : 1;
  }
}

/** `npx sheaf`: what is done at the command line besides starting and the demo. */
process.exitCode = await main(process.argv.slice(2));
