import { parseArgs } from 'node:util';
import { checkStore } from '../caretaking.ts';
import { environment, readConfig } from '../config.ts';
import type { Finding } from '../core/findings.ts';
import { locateServices } from '../locate.ts';
import { findingInWords, summaryInWords } from './check-in-words.ts';
import { UsageError } from './demo-arguments.ts';
import { type Interrupted, watchInterruption } from './interruption.ts';

const MARGIN_SECONDS = 3600;

/** A number of days that nobody means. */
const MOST_SECONDS = 10 * 365 * 86_400;

/**
 * `npx sheaf check`: tells where the object store and PostgreSQL do not go together, a line each as it is found.
 * @returns the exit code: 1 when something is left that does not go together, 130 when it was interrupted
 * @throws {UsageError} @throws {Error} that says what is wrong
 */
export async function check(args: readonly string[]): Promise<number> {
  const { json, ...options } = parsed(args);
  const config = readConfig(environment());
  const locations = await locateServices(config);
  const tell = (finding: Finding) => line(json ? JSON.stringify(finding) : findingInWords(finding));
  const signal = watchInterruption();
  try {
    const summary = await checkStore(locations, { ...options, signal }, tell);
    line(json ? JSON.stringify({ kind: 'summary', ...summary }) : summaryInWords(summary, options.fix));
    return summary.found > summary.mended ? 1 : 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    const { message } = signal.reason as Interrupted;
    process.stderr.write(`sheaf: broken off (${message}): there may be more than was told\n`);
    return 130;
  }
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface Arguments {
  fix: boolean;
  evenMost: boolean;
  json: boolean;
  marginSeconds: number;
}

function parsed(args: readonly string[]): Arguments {
  const options = {
    fix: { type: 'boolean', default: false },
    'even-most': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'older-than': { type: 'string', default: String(MARGIN_SECONDS) },
  } as const;
  let values: { fix: boolean; 'even-most': boolean; json: boolean; 'older-than': string };
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { fix, 'even-most': evenMost, json, 'older-than': given } = values;
  if (!/^\d{1,9}$/.test(given) || Number(given) > MOST_SECONDS) {
    throw new UsageError(`--older-than is a whole number of seconds up to ${MOST_SECONDS}`);
  }
  return { fix, evenMost, json, marginSeconds: Number(given) };
}
