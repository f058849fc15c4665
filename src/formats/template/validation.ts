import type { CellValidation } from '../xlsx/write/book.ts';
import { LONGEST_TEXT } from '../xlsx/write/table.ts';
import type { TemplateColumn } from './column.ts';
import { allowedInWords, kindInWords, rulesInWords } from './words.ts';

/** As Excel has it: a longer one, and it takes the workbook for a damaged one. */
const LONGEST_TITLE = 32;
const LONGEST_MESSAGE = 255;

/** Beyond what any number is that somebody types. */
const LARGEST_NUMBER = '1E+307';

/**
 * What the cells of a column take, and what they say of it. What a spreadsheet decides just as our check does is refused; of
 * what it may decide in another way it only warns.
 *
 * @param list the formula of what there is to choose from; `null`: anything
 */
export function validationOf(column: TemplateColumn, list: string | null): CellValidation {
  const required = column.field?.required ? 'Required. ' : '';
  const rules = rulesInWords(column);
  const holds = `${sentence(kindInWords(column))}${rules === '' ? '' : ` ${sentence(rules)}`}`;
  const says = column.description === undefined ? '' : ` ${column.description}`;
  const must =
    column.allowed === undefined ? `${kindInWords(column)}; ${rules}` : allowedInWords(column.allowed, null);
  return {
    allowBlank: true,
    showInputMessage: true,
    promptTitle: cut(column.name, LONGEST_TITLE),
    prompt: cut(`${required}${holds}${says}`, LONGEST_MESSAGE),
    showErrorMessage: true,
    errorTitle: cut(column.name, LONGEST_TITLE),
    error: cut(`This must be ${must.replace(/; $/, '')}`, LONGEST_MESSAGE),
    ...ruleOf(column, list),
  };
}

type Rule = Pick<CellValidation, 'type' | 'operator' | 'formulae' | 'errorStyle'>;

function ruleOf(column: TemplateColumn, list: string | null): Rule {
  const { kind, rules } = column;
  if (list !== null) return { type: 'list', formulae: [list], errorStyle: 'stop' };
  if (kind === 'integer') return { type: 'whole', ...wholeBounds(rules), errorStyle: 'stop' };
  if (kind === 'number') return { type: 'decimal', ...decimalBounds(rules), errorStyle: 'stop' };
  // Dates before 1900 are texts in a workbook, and our readers take them.
  if (kind === 'date') {
    return { type: 'date', operator: 'greaterThanOrEqual', formulae: [FIRST_DATE], errorStyle: 'warning' };
  }
  const { minLength: least = 0, maxLength: most } = rules;
  if (most === undefined || most > LONGEST_TEXT) return { type: 'any', errorStyle: 'warning' };
  // A spreadsheet counts some characters as two.
  return {
    type: 'textLength',
    operator: 'between',
    formulae: [String(least), String(most)],
    errorStyle: 'warning',
  };
}

/** Is written as 1, which is what Excel has for 1 January 1900. */
const FIRST_DATE = new Date('1899-12-31T00:00:00Z');

type Bounds = Required<Pick<CellValidation, 'operator' | 'formulae'>>;

function wholeBounds(rules: TemplateColumn['rules']): Bounds {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = rules;
  const above = exclusiveMinimum === undefined ? Number.MIN_SAFE_INTEGER : Math.floor(exclusiveMinimum) + 1;
  const below = exclusiveMaximum === undefined ? Number.MAX_SAFE_INTEGER : Math.ceil(exclusiveMaximum) - 1;
  const least = Math.max(above, Math.ceil(minimum ?? above));
  const most = Math.min(below, Math.floor(maximum ?? below));
  return { operator: 'between', formulae: [formulaNumber(least), formulaNumber(most)] };
}

/** A bound that is itself too much is let through where there is another one: the check finds it. */
function decimalBounds(rules: TemplateColumn['rules']): Bounds {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = rules;
  const least = minimum ?? exclusiveMinimum;
  const most = maximum ?? exclusiveMaximum;
  if (minimum === undefined && least !== undefined && most === undefined) {
    return { operator: 'greaterThan', formulae: [formulaNumber(least)] };
  }
  if (maximum === undefined && most !== undefined && least === undefined) {
    return { operator: 'lessThan', formulae: [formulaNumber(most)] };
  }
  const from = least === undefined ? `-${LARGEST_NUMBER}` : formulaNumber(least);
  const to = most === undefined ? LARGEST_NUMBER : formulaNumber(most);
  return { operator: 'between', formulae: [from, to] };
}

function formulaNumber(value: number): string {
  return String(value).replace('e', 'E');
}

function sentence(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;
}

/** What XML holds, in one line, cut where a character ends. */
function cut(text: string, length: number): string {
  const line = text.replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF\s]+/gu, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
