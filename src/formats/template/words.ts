import type { ColumnValue, TemplateColumn } from './column.ts';

/** What a column is, in words for whoever fills it in. */

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': 'a date and time with its zone, such as 2026-01-31T08:00:00+01:00',
  email: 'an e-mail address such as ada@example.org',
  uuid: 'a UUID such as 123e4567-e89b-12d3-a456-426614174000',
  uri: 'a web address such as https://example.org/page',
  time: 'a time with its zone, such as 08:00:00+01:00',
};

const MOST_SHOWN = 12;

export function kindInWords({ kind, field }: TemplateColumn): string {
  if (field === null) return 'to read only; what is in it is ignored';
  if (kind === 'boolean') return 'true or false';
  if (kind === 'integer') return 'a whole number';
  if (kind === 'number') return 'a number';
  if (kind === 'date') return 'a date such as 2026-01-31';
  if (field.format === undefined) return 'a text';
  return FORMATS[field.format] ?? `a text of the form ${field.format}`;
}

/** @param place where all of them are, if not all are shown */
export function allowedInWords(allowed: readonly ColumnValue[], place: string | null): string {
  const shown = allowed.slice(0, MOST_SHOWN).map(String).join(', ');
  if (allowed.length <= MOST_SHOWN) return shown;
  return `${shown}, … (${allowed.length} values${place === null ? '' : `, on the sheet ${place}`})`;
}

export function rulesInWords({ rules }: TemplateColumn): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, pattern } = rules;
  const words = [
    lengthInWords(rules.minLength ?? 0, rules.maxLength),
    minimum !== undefined && maximum !== undefined
      ? `from ${minimum} to ${maximum}`
      : limit('at least', minimum) || limit('at most', maximum),
    limit('more than', exclusiveMinimum),
    limit('less than', exclusiveMaximum),
    limit('a multiple of', multipleOf),
    pattern === undefined ? '' : `matches ${pattern}`,
  ];
  return words.filter((word) => word !== '').join('; ');
}

function limit(words: string, value: number | undefined): string {
  return value === undefined ? '' : `${words} ${value}`;
}

function lengthInWords(least: number, most: number | undefined): string {
  if (most === undefined) return least === 0 ? '' : `at least ${characters(least)}`;
  if (least === most) return characters(most);
  return least > 1 ? `${least} to ${characters(most)}` : `at most ${characters(most)}`;
}

function characters(count: number): string {
  return count === 1 ? '1 character' : `${count} characters`;
}
