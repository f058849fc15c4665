import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isNameOfRoutes } from '../core/access.ts';
import { BUILT_IN_OPERATIONS } from '../operations/built-in.ts';
import { UsageError } from './demo-arguments.ts';
import { operationStarter } from './operation-starter.ts';

/**
 * `npx sheaf new-operation NAME`: writes a file to begin with; what is there already stays.
 * @returns what to do next
 * @throws {UsageError} @throws {Error} when the file cannot be written
 */
export async function newOperation(args: readonly string[]): Promise<string> {
  const { name, directory } = parsed(args);
  const file = join(directory, `${name.replaceAll('_', '-')}.ts`);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, operationStarter(name), { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Error(`${file} is there already; choose another name, or remove it first`);
    throw new Error(`${file} cannot be written: ${message}`);
  }
  return nextSteps(name, file);
}

function parsed(args: readonly string[]): { name: string; directory: string } {
  let given: { values: { directory?: string }; positionals: string[] };
  try {
    given = parseArgs({
      args: [...args],
      options: { directory: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const [name, ...more] = given.positionals;
  if (name === undefined) throw new UsageError('say how the operation is called: new-operation NAME');
  if (more.length > 0) throw new UsageError(`one name at a time, not ${given.positionals.join(' and ')}`);
  checkName(name);
  const { directory = 'operations' } = given.values;
  if (directory === '') throw new UsageError('--directory needs a folder');
  return { name, directory };
}

function checkName(name: string): void {
  const refuse = (why: string) => new UsageError(`${JSON.stringify(name)} cannot be the name: ${why}`);
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) {
    const rule =
      'small letters, digits and _, at most 64 of them, and a letter first, such as create_invoice';
    throw refuse(rule);
  }
  if (isNameOfRoutes(name)) throw refuse('it is the name of a permission, or begins with admin_');
  if (BUILT_IN_OPERATIONS.some((known) => known.name === name)) throw refuse('a built-in operation has it');
}

/** `npm start` runs in the project's folder, wherever this was called. */
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

function nextSteps(name: string, file: string): string {
  const inProject = resolve(PROJECT) === process.cwd();
  const path = quoted(inProject ? file : resolve(file));
  return `${file} is written. It works as it is:

  SHEAF_OPERATIONS=${path} npm start
  # then, in another terminal, with the admin key that was printed:
  curl -s http://127.0.0.1:3000/operations/${name} -H "Authorization: Bearer $KEY" \\
       -H 'Content-Type: application/json' -d '{"email": "ada@example.org", "amount": 12.5}'

  # the same for a file of any size
  printf 'email,amount\\nada@example.org,12.50\\ngrace@example.org,700\\n' > some.csv
  SHEAF_OPERATIONS=${path} npm run demo -- some.csv --operation ${name}

docs/operations.md says what else there is.
`;
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[./\w-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
