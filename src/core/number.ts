/** Decimal numbers as people write them in files, without loss. */

const DECIMAL = /^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,3})?$/;
/** A double keeps every decimal number of up to 15 significant digits apart (IEEE 754, DBL_DIG). */
const SAFE_DIGITS = 15;
/** Nearer to zero than this (DBL_MIN) a double keeps fewer digits. */
const SMALLEST_NORMAL = 2 ** -1022;

/** `null`: not a number. `'inexact'`: a number that would come back with other digits. */
export function parseDecimal(text: string): number | 'inexact' | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return 'inexact';
  // Of almost every number there are no more digits than characters.
  if (text.length <= SAFE_DIGITS && Math.abs(value) >= SMALLEST_NORMAL) return value;
  const digits = significantDigits(text);
  const whole = /^[+-]?\d+$/.test(text);
  // What a program computed, such as 0.30000000000000004, has more digits, and comes back with all of them.
  const kept = whole ? Number.isSafeInteger(value) : String(value) === text;
  if (digits > SAFE_DIGITS && !kept) return 'inexact';
  if (digits > 0 && Math.abs(value) < SMALLEST_NORMAL) return 'inexact';
  return value;
}

/** Without a regular expression for the zeros at the end: it takes 20 minutes for a cell of 1 MiB of zeros. */
function significantDigits(text: string): number {
  const [mantissa = ''] = text.split(/[eE]/, 1);
  const digits = mantissa.replace(/[+\-.]/g, '');
  const first = digits.search(/[1-9]/);
  if (first === -1) return 0;
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return end - first;
}

/** How many decimals the shortest notation of a number has: 2 for 0.25, 7 for 1e-7. */
export function decimalsOf(value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const decimals = mantissa.split('.')[1]?.length ?? 0;
  return Math.max(0, decimals - Number(exponent));
}

/**
 * Tells multiples of `step`, decided on the digits: 0.15 is a multiple of 0.05, though dividing the doubles gives
 * 2.9999999999999996.
 */
export function multiplesOf(step: number): (value: number) => boolean {
  if (Number.isInteger(step)) return (value) => value % step === 0;
  const decimals = decimalsOf(step);
  const scaledStep = scaled(step, decimals);
  const byDigits = (value: number) =>
    decimalsOf(value) <= decimals && scaled(value, decimals) % scaledStep === 0n;
  const [scale, whole] = [Number(`1e${decimals}`), Number(scaledStep)];
  if (scale > 1e22 || whole > 1e15) return byDigits;
  return (value) => {
    // Up to 15 digits one division, correctly rounded, tells whether these are the value's digits: 30 times as fast.
    const times = Math.round(value * scale);
    if (Math.abs(times) >= 1e15) return byDigits(value);
    return times / scale === value && times % whole === 0;
  };
}

/** `value` times ten to the power of `decimals`, which are at least as many as it has. */
function scaled(value: number, decimals: number): bigint {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(Number(exponent) - fraction.length + decimals);
}
