/** A number as most programs write it: with up to 15 digits a double gives back the same (IEEE 754, DBL_DIG). */
const PLAIN = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$/;
const LONGEST_PLAIN = 15;
const WHOLE = /^-?[1-9][0-9]*$/;
const DOUBLE = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/**
 * The number of a cell as the shortest decimal that is the same double, without an exponent: programs write 17 digits
 * (`1.1000000000000001`) where fewer say it, and `4.9170123456E+11` for what is a telephone number. A whole number keeps the
 * digits that it is written with: an identifier of more digits than a double has would become another one.
 *
 * @param raw as `v` has it
 * @returns null when it is no number
 */
export function numberText(raw: string): string | null {
  if (raw.length <= LONGEST_PLAIN && PLAIN.test(raw) && raw !== '-0') return raw;
  const value = numberOf(raw);
  if (value === null) return null;
  return Number.isSafeInteger(value) || !WHOLE.test(raw) ? withoutExponent(value) : raw;
}

/** @returns null when it is no number, or none that a cell can hold */
export function numberOf(raw: string): number | null {
  const text = raw.trim();
  const value = Number(text);
  return Number.isFinite(value) && DOUBLE.test(text) ? value : null;
}

function withoutExponent(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  return point > 0 ? sign + digits.padEnd(point, '0') : `${sign}0.${'0'.repeat(-point)}${digits}`;
}
