import { createReadStream } from 'node:fs';
import type { RecordError, ResultLine } from '../core/result.ts';

/** Why the records of a batch failed, as its error report tells it. */
export interface Failures {
  /** Most frequent first. */
  codes: { code: string; records: number; first: FailedRecord }[];
}

export interface FailedRecord {
  record: number;
  error: RecordError;
}

/** Counts the records of an error report by their code, line by line, in flat memory. */
export async function countFailures(path: string, signal?: AbortSignal): Promise<Failures> {
  const codes = new Map<string, { records: number; first: FailedRecord }>();
  for await (const text of linesOf(path, signal)) {
    const line = JSON.parse(text) as ResultLine;
    if (line.status !== 'failed') continue;
    const { record, error } = line;
    const known = codes.get(error.code);
    if (known === undefined) codes.set(error.code, { records: 1, first: { record, error } });
    else known.records += 1;
  }
  const sorted = [...codes].sort(([, a], [, b]) => b.records - a.records || a.first.record - b.first.record);
  return { codes: sorted.map(([code, counted]) => ({ code, ...counted })) };
}

/** `node:readline` also ends a line at U+2028, which JSON may hold as it is. */
async function* linesOf(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of createReadStream(path, { encoding: 'utf8', ...(signal && { signal }) })) {
    const lines = (rest + (piece as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
