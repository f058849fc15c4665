import { decimalsOf } from '../../core/number.ts';
import { place, type RecordInput } from '../../core/record-input.ts';
import type { SchemaCheck } from '../../core/schema.ts';
import type { ColumnValue, TemplateColumn } from './column.ts';

/** Values that have the form which a schema asks for. */
const OF_FORMAT: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  'date-time': '2026-01-31T08:00:00Z',
  email: 'ada@example.org',
  uuid: '123e4567-e89b-12d3-a456-426614174000',
  uri: 'https://example.org/page',
  time: '08:00:00Z',
};

const TEXT = 'text';
/** A text that must be longer is no example of anything. */
const LONGEST = 1000;

/**
 * A record for an operation that shows none, made up from its schema: what the check refuses is left out.
 * @returns null when no record could be made up that the operation takes
 */
export function madeUpRecord(columns: readonly TemplateColumn[], check: SchemaCheck): RecordInput | null {
  const refused = new Set<string>();
  for (;;) {
    const record: RecordInput = {};
    for (const column of columns) {
      const value = refused.has(column.name) ? undefined : valueFor(column);
      if (value !== undefined && column.field !== null) place(record, column.field, value);
    }
    const errors = check(record);
    if (errors.length === 0) return Object.keys(record).length === 0 ? null : record;
    const before = refused.size;
    for (const { field } of errors) {
      const column = columns.find(({ name }) => name === field);
      if (column !== undefined && valueFor(column) !== undefined) refused.add(column.name);
    }
    if (refused.size === before) return null;
  }
}

function valueFor({ kind, field, allowed, examples, rules }: TemplateColumn): ColumnValue | undefined {
  const [known] = [...examples, ...(allowed ?? [])];
  if (known !== undefined) return known;
  if (kind === 'integer' || kind === 'number') return numberBetween(rules, kind === 'integer' ? 1 : 0.1);
  if (field?.format !== undefined) return OF_FORMAT[field.format];
  if (rules.pattern !== undefined) return undefined;
  const { minLength: least = 0, maxLength: most = LONGEST } = rules;
  return least > LONGEST ? undefined : TEXT.padEnd(least, '.').slice(0, most);
}

/** As near to 1 as the rules let it be. */
function numberBetween(rules: TemplateColumn['rules'], step: number): number {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf = step } = rules;
  const above = exclusiveMinimum === undefined ? undefined : exclusiveMinimum + multipleOf;
  const below = exclusiveMaximum === undefined ? undefined : exclusiveMaximum - multipleOf;
  const wanted = Math.min(Math.max(1, minimum ?? above ?? 1), maximum ?? below ?? 1e15);
  const decimals = Math.min(decimalsOf(multipleOf), 100);
  const multiple = (count: number) => Number((count * multipleOf).toFixed(decimals));
  const next = multiple(Math.ceil(wanted / multipleOf));
  const isTooMuch = next > (maximum ?? next) || next >= (exclusiveMaximum ?? Number.POSITIVE_INFINITY);
  return isTooMuch ? multiple(Math.floor(wanted / multipleOf)) : next;
}
