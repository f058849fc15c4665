import { type RecordError, type ResultLine, shortened } from './result.ts';
import { storable } from './storable.ts';

/** A failed record as a batch shows it: its first broken rule. */
export interface FailedRecord extends RecordError {
  record: number;
}

/** What the failed records of a chunk, or of a batch, broke. */
export interface FailureSummary {
  /** Failed records by error code; a record that breaks several rules counts for each of their codes once. */
  codes: Readonly<Record<string, number>>;
  /** The first of them, in the order of the file. */
  first: readonly FailedRecord[];
}

export const NO_FAILURES: FailureSummary = { codes: {}, first: [] };

/** How many failed records are shown with a batch; all of them are in the error report. */
export const MOST_FIRST_ERRORS = 10;

/** By which rule a cell became a value of its field: `blank` is a field that is not given. */
export const COERCIONS = ['blank', 'number', 'boolean', 'date', 'date_time', 'text'] as const;
export type Coercion = (typeof COERCIONS)[number];

/** How many cells of each column were changed by which rule; columns that fill no field are not in it. */
export type CoercionCounts = Readonly<Record<string, Partial<Record<Coercion, number>>>>;

/** @param lines of one chunk, in the order of the file; only those of failed records count */
export function summarise(lines: readonly ResultLine[]): FailureSummary {
  const codes = new Map<string, number>();
  const first: FailedRecord[] = [];
  for (const line of lines) {
    if (line.status !== 'failed') continue;
    const broken = line.errors ?? [line.error];
    for (const code of new Set(broken.map((error) => error.code))) add(codes, code, 1);
    if (first.length < MOST_FIRST_ERRORS) first.push(shownOf(line.record, line.error));
  }
  return { codes: Object.fromEntries(codes), first };
}

/** A handler may say anything of a record, at any length. */
const LONGEST_SHOWN = 500;

/** As it can be kept with a batch. */
function shownOf(record: number, error: RecordError): FailedRecord {
  const members = Object.entries(error).flatMap(([name, value]: [string, unknown]) =>
    value === undefined ? [] : [[name, shownText(typeof value === 'string' ? value : shortened(value))]],
  );
  return { record, ...Object.fromEntries(members) };
}

function shownText(text: string): string {
  return storable(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}

/** The cells of a column that fills a field, counted while they are read. */
export interface ColumnTally {
  column: string;
  /** What it is called when a value comes out as another than it was given. */
  rule: Coercion;
  blank: number;
  changed: number;
}

export function coercionCounts(tallies: Iterable<ColumnTally>): CoercionCounts {
  const counts = new Map<string, Partial<Record<Coercion, number>>>();
  for (const { column, rule, blank, changed } of tallies) {
    if (blank === 0 && changed === 0) continue;
    counts.set(column, { ...(blank > 0 && { blank }), ...(changed > 0 && { [rule]: changed }) });
  }
  return Object.fromEntries(counts);
}

function add<Key>(sums: Map<Key, number>, key: Key, more: number): void {
  sums.set(key, (sums.get(key) ?? 0) + more);
}
