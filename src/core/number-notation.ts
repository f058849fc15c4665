import { parseDecimal } from './number.ts';
import type { ValueRules } from './value-rules.ts';

export type Notation = Pick<ValueRules, 'decimal' | 'thousands'>;

/** As `parseDecimal`, or the two numbers that a text of a workbook may stand for. */
export type ReadNumber = ReturnType<typeof parseDecimal> | [number, number];

/**
 * Reads numbers as a client says that its file writes them.
 *
 * @param workbook whether number cells of a workbook are among the texts: they have a point, however its texts are written
 */
export function numberReader(rules: Notation, workbook: boolean): (text: string) => ReadNumber {
  if (rules.decimal === '.' && rules.thousands === null) return parseDecimal;
  const shape = shapeOf(rules);
  const separators = rules.thousands === null ? null : new RegExp(separatorOf(rules.thousands), 'g');
  const stated = (text: string) => {
    if (!shape.test(text)) return null;
    const ungrouped = separators === null ? text : text.replace(separators, '');
    return parseDecimal(ungrouped.replace(rules.decimal, '.'));
  };
  if (!workbook) return stated;
  return (text) => {
    const [one, other] = [parseDecimal(text), stated(text)];
    if (typeof one === 'number' && typeof other === 'number' && one !== other) return [one, other];
    return one ?? other;
  };
}

/** `1234,5` or `1.234,5`: what stands between thousands stands between all of them, or nowhere. */
function shapeOf({ decimal, thousands }: Notation): RegExp {
  const grouped = thousands === null ? '' : `|\\d{1,3}(?:${separatorOf(thousands)}\\d{3})+`;
  return new RegExp(`^[+-]?(?:\\d+${grouped})?(?:\\${decimal}\\d+)?(?:[eE][+-]?\\d{1,3})?$`);
}

/** Those that break no line look the same to whoever states a blank. */
const BLANKS = ' \\u00A0\\u2009\\u202F';
const APOSTROPHES = "'\\u2019";

function separatorOf(thousands: string): string {
  if (thousands.trim() === '') return `[${BLANKS}]`;
  return thousands === "'" ? `[${APOSTROPHES}]` : `\\${thousands}`;
}

const LIKE_NUMBER = new RegExp(`^[+-]?\\d+(?:[.,${BLANKS}${APOSTROPHES}]\\d+)+$`);
const MARK = new RegExp(`[.,${BLANKS}${APOSTROPHES}]`, 'g');
const MARK_NAMES: Readonly<Record<string, string>> = { '.': 'a point', ',': 'a comma', "'": 'an apostrophe' };
/** No number that people write is longer. */
const LONGEST_ADVISED = 40;

/** What is told of a text that is no number by these rules, with the option that it may need. */
export function unlikeNumber(text: string, { decimal, thousands }: Notation): string {
  const must = `must be a number, with ${MARK_NAMES[decimal]} before decimals`;
  if (text.length > LONGEST_ADVISED || !LIKE_NUMBER.test(text)) return must;
  const marks = text.match(MARK)!;
  const unknown = marks.find((mark) => mark !== decimal && mark !== thousands);
  if (unknown === undefined) return must;
  const isLast = marks.indexOf(unknown) === marks.length - 1;
  const mayBeDecimal = isLast && (unknown === '.' || unknown === ',') && decimal === '.';
  const groups = text.split(unknown).slice(1);
  const mayBeThousands = thousands === null && groups.every((group) => /^\d{3}(?!\d)/.test(group));
  const options = [
    ...(mayBeDecimal ? ['format.decimal'] : []),
    ...(mayBeThousands ? ['format.thousands'] : []),
  ];
  if (options.length === 0) return must;
  return `${must}; for ${MARK_NAMES[unknown] ?? 'a blank'} state ${options.join(' or ')}`;
}
