/** What a token of a date pattern stands for. */
export type Unit = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction' | 'zone';

export interface Token {
  /** As the pattern has it: `DD`. */
  name: string;
  unit: Unit;
  /** Of its text, as a regular expression. */
  form: string;
}

/** A token, or text that stands for itself. */
export type Piece = { token: Token; literal?: undefined } | { token?: undefined; literal: string };

const DIGITS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

const TOKENS: ReadonlyMap<string, Token> = new Map(
  [
    { name: 'YYYY', unit: 'year', form: '\\d{4}' } as const,
    { name: 'MM', unit: 'month', form: '\\d\\d' } as const,
    { name: 'M', unit: 'month', form: '\\d\\d?' } as const,
    { name: 'DD', unit: 'day', form: '\\d\\d' } as const,
    { name: 'D', unit: 'day', form: '\\d\\d?' } as const,
    { name: 'HH', unit: 'hour', form: '\\d\\d' } as const,
    { name: 'H', unit: 'hour', form: '\\d\\d?' } as const,
    { name: 'mm', unit: 'minute', form: '\\d\\d' } as const,
    { name: 'ss', unit: 'second', form: '\\d\\d' } as const,
    ...DIGITS.map((count) => ({ name: 'S'.repeat(count), unit: 'fraction', form: `\\d{${count}}` }) as const),
    { name: 'Z', unit: 'zone', form: 'Z|[+-]\\d\\d(?::?\\d\\d)?' } as const,
  ].map((token) => [token.name, token]),
);

const KNOWN =
  'YYYY, MM or M, DD or D, HH or H, mm, ss, SSS and Z; letters that stand for themselves are put in [ ]';

/** Why some of what other programs have in their patterns is not here. */
const REFUSED: readonly [RegExp, string][] = [
  [/^YY$/, 'has a year of two digits: which century is meant would be a guess; it must be YYYY'],
  [/^M{3,}$/, 'has the name of a month, which is not read, as names differ by language; it must be MM or M'],
  [/^(h+|[aA]+)$/, 'has hours of a 12-hour clock, which are not read; they must be HH or H'],
  [/^(y+|d+)$/, 'has small letters for its date; these are YYYY, MM and DD'],
];

/** A run of one letter, what stands in brackets, or any other character. */
const PIECE = /([A-Za-z])\1*|\[[^[\]]+\]|./gsu;

/** @returns what the pattern is made of, or in plain words what is wrong with it */
export function piecesOf(pattern: string): Piece[] | { problem: string } {
  const pieces: Piece[] = [];
  for (const [piece] of pattern.matchAll(PIECE)) {
    const token = TOKENS.get(piece);
    if (token !== undefined) pieces.push({ token });
    else if (piece.length > 1 && piece.startsWith('[')) pieces.push({ literal: piece.slice(1, -1) });
    else if (piece === '[' || piece === ']') return { problem: 'has a bracket without its other one' };
    else if (/^\d/.test(piece)) return { problem: `has the digit ${piece}; put it in [ ] or state a token` };
    else if (piece === 'T' || !/^[A-Za-z]/.test(piece)) pieces.push({ literal: piece });
    else return { problem: REFUSED.find(([form]) => form.test(piece))?.[1] ?? unknownToken(piece) };
  }
  return pieces;
}

function unknownToken(piece: string): string {
  return `has ${piece}, which stands for nothing here; there are ${KNOWN}`;
}

/** What is of no use without the other. */
const NEEDS: Readonly<Partial<Record<Unit, Unit>>> = {
  hour: 'minute',
  minute: 'hour',
  second: 'minute',
  fraction: 'second',
  zone: 'hour',
};

/** @returns in plain words why texts cannot be read by these pieces; `null`: they can */
export function problemOf(pieces: readonly Piece[]): string | null {
  const tokens = pieces.flatMap(({ token }) => token ?? []);
  const units = tokens.map(({ unit }) => unit);
  const repeated = tokens.find(({ unit }, index) => units.indexOf(unit) !== index);
  if (repeated !== undefined) return `names the ${repeated.unit} twice`;
  const date = ['year', 'month', 'day'] as const;
  if (!date.every((unit) => units.includes(unit))) return 'needs YYYY, MM or M, and DD or D';
  const alone = units.find((unit) => NEEDS[unit] !== undefined && !units.includes(NEEDS[unit]));
  if (alone !== undefined) return `names the ${alone} without the ${NEEDS[alone]}`;
  const zone = pieces.findIndex(({ token }) => token?.unit === 'zone');
  if (zone !== -1 && zone !== pieces.length - 1) return 'has Z, which can only be its end';
  const open = pieces.find(
    (piece, at) => isOpen(piece) && (isDigits(pieces[at - 1]) || isDigits(pieces[at + 1])),
  );
  return open?.token === undefined
    ? null
    : `has ${open.token.name}, one digit or two, right beside another number: where it ends would be a guess`;
}

/** `D`, `M` and `H` are as long as their text has digits. */
function isOpen({ token }: Piece): boolean {
  return token?.form === '\\d\\d?';
}

function isDigits(piece: Piece | undefined): boolean {
  if (piece === undefined) return false;
  return piece.token === undefined ? /^\d|\d$/.test(piece.literal) : piece.token.unit !== 'zone';
}
