import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A document as LibreOffice opens it. */
export interface Document {
  extension: keyof typeof SAVED_AS;
  bytes: Buffer;
  /** How it is read, where the extension does not say it all: an import filter with its options. */
  filter?: string;
}

/** It starts in one to three seconds; a machine that is busy with other tests takes longer. */
const PATIENCE_MS = 90_000;

/**
 * CSV in UTF-8 with commas, whose columns of these numbers (from 1) are texts to the letter; of the others LibreOffice
 * makes numbers and dates where they look like some. Quoted cells are no exception.
 */
export function csvFilter(textColumns: readonly number[]): string {
  const columns = textColumns.flatMap((number) => [number, 2]).join('/');
  return `CSV:44,34,76,1,${columns}`;
}

/** What a document is saved as; CSV with commas and in UTF-8. */
const SAVED_AS = {
  csv: 'csv:Text - txt - csv (StarCalc):44,34,76',
  xlsx: 'xlsx:Calc MS Excel 2007 XML',
  ods: 'ods:calc8',
  xls: 'xls:MS Excel 97',
};

/**
 * Opens the document and saves it as another type. It has a profile of its own, and so neither waits for another
 * LibreOffice nor hands it the work.
 * @throws {Error} with what LibreOffice said, when it saved nothing or took too long
 */
export async function convert(
  program: string,
  { extension, bytes, filter }: Document,
  to: keyof typeof SAVED_AS,
): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-libreoffice-'));
  try {
    const source = join(directory, `document.${extension}`);
    const saved = join(directory, 'saved');
    await writeFile(source, bytes);
    const said = await run(program, [
      `-env:UserInstallation=${pathToFileURL(join(directory, 'profile')).href}`,
      '--headless',
      '--norestore',
      ...(filter === undefined ? [] : [`--infilter=${filter}`]),
      '--convert-to',
      SAVED_AS[to],
      '--outdir',
      saved,
      source,
    ]);
    return await readFile(join(saved, `document.${to}`)).catch((cause: unknown) => {
      throw new Error(`LibreOffice saved nothing: ${said}`, { cause });
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @returns what it said */
export async function run(program: string, args: readonly string[]): Promise<string> {
  // In a process group of its own: the program is a script whose children do the work, and they end with it.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let said = '';
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const watch = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS);
  try {
    const [code, signal] = await closed;
    if (code !== 0) throw new Error(`LibreOffice ended with ${code ?? signal}: ${said}`);
    return said;
  } finally {
    clearTimeout(watch);
  }
}
