import type { Batch } from '../api/schemas/batch.ts';
import type { FailedRecord, Failures } from './failures.ts';
import {
  fitted,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatRecords,
  visible,
  wrapped,
} from './format.ts';
import type { Paint } from './paint.ts';
import { readInWords } from './read-in-words.ts';

/** A result file that was downloaded. */
export interface SavedFile {
  /** As a person may type it. */
  path: string;
  kind: string;
  bytes: number;
  records: number;
}

export interface Outcome {
  batch: Batch;
  failures: Failures;
  files: readonly SavedFile[];
}

const MOST_CODES = 12;
const MOST_EXAMPLES = 3;
const LONGEST_VALUE = 32;

/** What came of a batch, for a person: how it ended, the counts, some errors, the files. */
export function summaryLines(outcome: Outcome, width: number, paint: Paint): string[] {
  const { batch, failures, files } = outcome;
  return [
    '',
    ...endLines(batch, width, paint),
    ...(batch.read === null ? [] : [fitted(`  read as ${readInWords(batch.read)}`, width)]),
    ...countLines(batch, failures, paint),
    ...exampleLines(failures, width, paint),
    ...fileLines(files, paint),
    '',
  ];
}

function endLines(batch: Batch, width: number, paint: Paint): string[] {
  const { status, statuses, status_reason: reason, counts } = batch;
  const seconds = (statuses.at(-1)?.ts ?? batch.updated_ts) - batch.created_ts;
  if (status === 'completed') {
    const what = counts.total === null ? '' : `: ${formatRecords(counts.total)}`;
    const rate = seconds > 0 ? `, ${formatRate((counts.total ?? 0) / seconds, 'records')}` : '';
    const end = `${what} in ${formatDuration(seconds)}${rate} from the request to the results`;
    return [`  ${paint.good(paint.bold('completed'))}${end}`];
  }
  const lines = [`  ${paint.bad(paint.bold(status))} after ${formatDuration(seconds)}`];
  if (reason === null) return lines;
  const where = [
    ...(reason.record === undefined
      ? []
      : [reason.record === 0 ? 'the header row' : `record ${reason.record}`]),
    ...(reason.offset === undefined ? [] : [`byte ${formatCount(reason.offset)}`]),
  ];
  const at = where.length === 0 ? '' : ` (${where.join(', ')})`;
  const why = `${reason.code}: ${visible(reason.message)}${at}`;
  return [...lines, ...wrapped(why, width - 2).map((line) => `  ${line}`)];
}

function countLines({ counts }: Batch, { codes }: Failures, paint: Paint): string[] {
  if (counts.total === null) return [];
  const shown = codes.slice(0, MOST_CODES);
  const others = codes.slice(MOST_CODES).reduce((sum, { records }) => sum + records, 0);
  const rows: [name: string, count: number][] = [
    ['  records', counts.total],
    ['  succeeded', counts.succeeded],
    ['  failed', counts.failed],
    ...shown.map(({ code, records }): [string, number] => [`    ${visible(code)}`, records]),
    ...(others > 0 ? [[`    ${codes.length - MOST_CODES} other codes`, others] as [string, number]] : []),
    ...(counts.skipped > 0 ? [['  skipped', counts.skipped] as [string, number]] : []),
    ...(counts.unprocessed > 0 ? [['  unprocessed', counts.unprocessed] as [string, number]] : []),
  ];
  const names = Math.max(...rows.map(([name]) => name.length));
  const numbers = Math.max(...rows.map(([, count]) => formatCount(count).length));
  return [
    '',
    ...rows.map(([name, count]) => {
      const line = `${name.padEnd(names)}  ${formatCount(count).padStart(numbers)}`;
      return name.startsWith('    ') ? paint.dim(line) : line;
    }),
  ];
}

function exampleLines({ codes }: Failures, width: number, paint: Paint): string[] {
  if (codes.length === 0) return [];
  const examples = codes.slice(0, MOST_EXAMPLES).map(({ first }) => first);
  return ['', `  ${paint.bold('For example')}`, ...examples.map((it) => fitted(`  ${inWords(it)}`, width))];
}

/** `record 331, birth_date: "1999-02-30" must be a date such as 1999-12-31` */
export function inWords({ record, error }: FailedRecord): string {
  const column = error.column ?? error.field;
  const where = `record ${formatCount(record)}${column === undefined ? '' : `, ${visible(column)}`}`;
  const message = visible(error.message);
  if (error.value === undefined) return `${where}: ${message}`;
  const value = `"${fitted(visible(error.value), LONGEST_VALUE)}"`;
  return message.startsWith('must ') ? `${where}: ${value} ${message}` : `${where}: ${message} (${value})`;
}

function fileLines(files: readonly SavedFile[], paint: Paint): string[] {
  if (files.length === 0) return [];
  const rows = files.map(({ path, kind, bytes, records }) => ({
    path,
    records: kind === 'manifest' ? '' : formatRecords(records),
    bytes: formatBytes(bytes),
  }));
  const widest = (column: 'path' | 'records' | 'bytes') => Math.max(...rows.map((row) => row[column].length));
  return [
    '',
    `  ${paint.bold('Results')}`,
    ...rows.map(
      (row) =>
        `  ${row.path.padEnd(widest('path'))}  ${row.records.padStart(widest('records'))}  ${row.bytes.padStart(widest('bytes'))}`,
    ),
  ];
}
