/** Decimal numbers as people write them in files, without loss. */

const DECIMAL = /^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,3})?$/;
/** A double keeps every decimal number of up to 15 significant digits apart (IEEE 754, DBL_DIG). */
const SAFE_DIGITS = 15;

/** `null`: not a number. `'inexact'`: a number that would come back with other digits. */
export function parseDecimal(text: string): number | 'inexact' | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return 'inexact';
  const digits = text
    .replace(/[eE].*$/, '')
    .replace(/[+\-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');
  const wholeAndSafe = /^[+-]?\d+$/.test(text) && Number.isSafeInteger(value);
  if (digits.length > SAFE_DIGITS && !wholeAndSafe) return 'inexact';
  if (value === 0 && digits !== '') return 'inexact';
  return value;
}

/** How many decimals the shortest notation of a number has: 2 for 0.25, 7 for 1e-7. */
export function decimalsOf(value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const decimals = mantissa.split('.')[1]?.length ?? 0;
  return Math.max(0, decimals - Number(exponent));
}
