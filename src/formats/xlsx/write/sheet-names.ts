const LONGEST_NAME = 31;
const FALLBACK = 'Results';

/** Names of the sheets of one workbook, by the rules of Excel: it does not open a file that breaks them. */
export class SheetNames {
  readonly #reserved: ReadonlySet<string>;
  readonly #taken = new Set<string>();

  /** @param reserved names that only what asks for them with `own` gets */
  constructor(reserved: readonly string[]) {
    // Excel keeps "History" for itself, in any spelling.
    this.#reserved = new Set(['history', ...reserved.map((name) => name.toLowerCase())]);
  }

  /** A name as near to the wanted one as is free: `Results`, then `Results 2`, … */
  take(wanted: string): string {
    const base = allowed(wanted);
    return this.own(this.#reserved.has(base.toLowerCase()) ? `${base}_` : base);
  }

  /** As `take`, of a name that is known to be allowed, reserved or not. */
  own(base: string): string {
    let name = base;
    for (let number = 2; this.#taken.has(name.toLowerCase()); number += 1) {
      const suffix = ` ${number}`;
      name = cut(base, LONGEST_NAME - suffix.length) + suffix;
    }
    this.#taken.add(name.toLowerCase());
    return name;
  }
}

function allowed(wanted: string): string {
  const spelled = wanted
    .replace(/[[\]:*?/\\]|[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '_')
    // What a reader would take for an escaped character.
    .replace(/_(?=x[0-9a-f]{4}_)/gi, '-');
  const name = bare(cut(bare(spelled), LONGEST_NAME));
  return name === '' ? FALLBACK : name;
}

/** Without a regular expression for what is at the end: one that looks for it takes long for blanks in the middle. */
function bare(name: string): string {
  const first = name.search(/[^'\s]/);
  if (first === -1) return '';
  let end = name.length;
  while (/['\s]/.test(name.charAt(end - 1))) end -= 1;
  return name.slice(first, end);
}

/** Not in the middle of a character. */
function cut(name: string, length: number): string {
  return name.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}
