import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Source } from './find-files.ts';
import { SHEAF_MODULE } from './specifiers.ts';

/** What Node, tsx and the module itself throw while a file is imported, as what whoever wrote it has to change. */
export async function whyNotLoaded(error: unknown, { file, name }: Source): Promise<string> {
  if (!(error instanceof Error)) return `it threw ${JSON.stringify(error) ?? String(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return missing(error, name);
  if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return `${error.message}: the package does not offer this`;
  if (error.name === 'TransformError') return `it is not well-formed: ${placesOfTsx(error.message)}`;
  if (error instanceof SyntaxError) return await syntaxFault(error, file);
  if (error instanceof ReferenceError && /^(module|exports|require) is not defined/.test(error.message)) {
    return `${error.message}: a .js or .ts file is an ES module; write export and import, or name it .cjs or .cts`;
  }
  return `${error.message}${placeIn(error, file)}`;
}

function missing({ message }: Error, source: string): string {
  const name = /Cannot find package '([^']+)'/.exec(message)?.[1];
  const by = / imported from (\S+)/.exec(message)?.[1] ?? source;
  if (name !== undefined && name === source) {
    return `it is neither a file nor a folder (a path may begin with ./), and no package of this name is installed: run npm install ${name} in ${dirname(by)}`;
  }
  if (name !== undefined) {
    return `the package ${name}, which ${by} imports, is not installed: run npm install ${name} in its folder, or in one above it`;
  }
  const gone = /Cannot find module '([^']+)'/.exec(message)?.[1] ?? 'a file';
  return `${by} imports ${gone}, which is not there (a name needs its extension, such as ./store.ts)`;
}

/** tsx says `Transform failed with 1 error:` and then, a line each, `file:line:column: ERROR: what`. */
function placesOfTsx(message: string): string {
  const [, ...places] = message.split('\n');
  return (places.length > 0 ? places : [message]).map((place) => place.replace(' ERROR: ', ' ')).join('; ');
}

/** Node keeps the place of a syntax error to itself, unless it is asked to check a text. */
async function syntaxFault({ message }: SyntaxError, file: string | null): Promise<string> {
  if (/does not provide an export named/.test(message)) {
    return message.replace(SHEAF_MODULE, 'sheaf').replace(/'[^']*\/src\/sheaf\.[jt]s'/, "'sheaf'");
  }
  const line = file === null ? null : await lineOfFault(file);
  return line === null
    ? `it, or a file that it imports, is not well-formed: ${message}`
    : `it is not well-formed: ${file}:${line}: ${message}`;
}

async function lineOfFault(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8');
  return await new Promise((resolve) => {
    const check = execFile(process.execPath, ['--input-type=module', '--check', '-'], (_, __, told) =>
      resolve(/^\[stdin\]:(\d+)$/m.exec(told)?.[1] ?? null),
    );
    check.stdin?.on('error', () => undefined);
    check.stdin?.end(text);
  });
}

/** Where in the file, if the trouble is there. */
function placeIn({ stack = '' }: Error, file: string | null): string {
  if (file === null) return '';
  const own = stack.split('\n').find((line) => line.includes(file) || decoded(line).includes(file));
  const place = own === undefined ? undefined : /:(\d+):\d+\)?$/.exec(own)?.[1];
  return place === undefined ? '' : ` (line ${place})`;
}

function decoded(line: string): string {
  const url = /file:\/\/[^\s)]+?(?=:\d+:\d+)/.exec(line)?.[0];
  return url === undefined ? '' : fileURLToPath(url.split('?')[0]!);
}
