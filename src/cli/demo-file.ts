import { constants, createWriteStream } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { basename, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Environment } from '../config.ts';
import { UsageError } from './demo-arguments.ts';
import { sampleLearners } from './sample/learners.ts';

/** The sample is the same on every machine, and so are its counts. */
export const SAMPLE = { records: 100_000, seed: 1, bad: 317 };
export const SAMPLE_OPERATION = 'create_learner';

const RESULTS = 'sheaf-demo';

/** Where the person is who started the demo: npm runs scripts in the package's directory, wherever it was called. */
export function whereFrom(env: Environment, workingDirectory: string): string {
  return (env.npm_lifecycle_event === undefined ? undefined : env.INIT_CWD) ?? workingDirectory;
}

/** A path as the person would type it. */
export function shownPath(path: string, from: string): string {
  const short = relative(from, path);
  return short.startsWith('..') || isAbsolute(short) ? path : `./${short}`;
}

/** @throws {UsageError} when it is not a file that can be read */
export async function checkFile(name: string, from: string): Promise<string> {
  const path = resolve(from, name);
  try {
    if (!(await stat(path)).isFile()) throw new UsageError(`${name} is not a file`);
    await access(path, constants.R_OK);
    return path;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new UsageError(`there is no file ${path}`);
    if (code === 'EACCES') throw new UsageError(`${path} cannot be read: its permissions do not allow it`);
    throw error;
  }
}

/** Writes the sample where the person finds it afterwards, next to the results. */
export async function writeSample(from: string, signal: AbortSignal): Promise<string> {
  const path = join(from, RESULTS, 'learners.csv');
  await mkdir(join(from, RESULTS), { recursive: true });
  await pipeline(Readable.from(sampleLearners(SAMPLE)), createWriteStream(path), { signal });
  return path;
}

/** The directory for the results of a file: `learners.csv` and `learners.csv.gz` have theirs in `learners`. */
export function resultsDirectory(file: string, from: string): string {
  const name = basename(file).replace(/(?<=.)\.gz$/i, '');
  return join(from, RESULTS, basename(name, extname(name)));
}
