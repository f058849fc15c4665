/** How numbers and foreign text are written for a person. */

export type Unit = 'bytes' | 'records';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const BYTE_UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** `100,000` */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** `1 record`, `100,000 records` */
export function formatRecords(count: number): string {
  return count === 1 ? '1 record' : `${formatCount(count)} records`;
}

/** `612 B`, `61.0 kB`, `13.9 MB`; a kB is 1000 bytes. */
export function formatBytes(bytes: number): string {
  // Rounded as it will be shown: 999,960 bytes are 1.0 MB and not 1000.0 kB.
  if (Math.round(bytes) < 1000) return `${Math.round(bytes)} B`;
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `100,000 records` or `13.9 MB` */
export function formatAmount(amount: number, unit: Unit): string {
  return unit === 'bytes' ? formatBytes(amount) : formatRecords(amount);
}

/** `51,200/s`, `139.0 MB/s`: three digits, as more would not be true a second later. */
export function formatRate(perSecond: number, unit: Unit): string {
  if (unit === 'bytes') return `${formatBytes(perSecond)}/s`;
  return `${perSecond < 10 ? String(Number(perSecond.toPrecision(2))) : formatCount(threeDigits(perSecond))}/s`;
}

function threeDigits(value: number): number {
  return Number(value.toPrecision(3));
}

/** `0.3 s`, `42 s`, `3 min 05 s`, `2 h 05 min` */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${pad2(rounded % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${formatCount(Math.floor(minutes / 60))} h ${pad2(minutes % 60)} min`;
}

function pad2(value: number): string {
  return String(value).padStart(2, '0');
}

/** What is left by the API's estimate: `1–2 s left`, `40 s–2 min left`, `2–3 h left`. */
export function formatTimeLeft([least, most]: readonly [number, number]): string {
  const [low, lowUnit] = rough(least);
  const [high, highUnit] = rough(most);
  if (lowUnit !== highUnit) return `${low} ${lowUnit}–${high} ${highUnit} left`;
  return low === high ? `${low} ${lowUnit} left` : `${low}–${high} ${lowUnit} left`;
}

function rough(seconds: number): [number, string] {
  if (seconds < 90) return [Math.ceil(seconds), 's'];
  if (seconds < 90 * 60) return [Math.round(seconds / 60), 'min'];
  return [Math.round(seconds / 3600), 'h'];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text from a file or a server as a terminal may get it: control characters, which could move the cursor or colour
 * what follows, are written out, and so are those that turn the direction of text around.
 */
export function visible(text: string): string {
  return text.replace(
    UNSAFE,
    (character) => NAMED[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Cut to a width, with an ellipsis for what is missing. */
export function fitted(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Broken between words into lines of a width; a longer word has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
