const HIDDEN = '[secret]';
export const SHORTEST_SECRET = 8;

/**
 * Takes secrets out of texts that others made: a server may tell in its answer what it was sent. Secrets are found as
 * they are, percent-encoded, as a form or JSON writes them, and in base64, also as a part of what was encoded.
 */
export class Redactor {
  readonly #pattern: RegExp | undefined;

  constructor(secrets: Iterable<string>) {
    const forms = new Set([...secrets].flatMap(formsOf).filter((form) => form.length >= SHORTEST_SECRET));
    if (forms.size === 0) return;
    // The longest first, so that nothing of a longer one is left over.
    const longestFirst = [...forms].sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp(
      longestFirst.map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'),
      'g',
    );
  }

  text(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, HIDDEN);
  }
}

function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret);
  const strict = percent.replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams([['', secret]]).toString().slice(1);
  const encoded = [percent, strict, form];
  const lower = encoded.map((text) => text.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase()));
  const base64 = base64Forms(secret);
  // Some write a slash in JSON with a backslash before it.
  const json = [JSON.stringify(secret).slice(1, -1), ...base64].map((text) => text.replaceAll('/', '\\/'));
  return [secret, JSON.stringify(secret).slice(1, -1), ...encoded, ...lower, ...base64, ...json];
}

/** What base64 makes of a text that holds the secret, wherever in it: three bytes become four characters. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // The characters at the ends hold bits of what stands beside it.
    const own = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
