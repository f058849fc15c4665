import { PartWindow } from './part-window.ts';
import { characterData } from './xml-text.ts';

/** More of the part is needed: call `more`, then go on. */
export const MORE = 0;
export const START = 1;
export const END = 2;
/** A piece of text, of which there may be several in a row. */
export const TEXT = 3;
/** The part is over, and its root element is closed. */
export const OVER = 4;

type Token = typeof MORE | typeof START | typeof END | typeof TEXT | typeof OVER;

const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [BANG, QUOTE, APOSTROPHE, SLASH, COLON] = [0x21, 0x22, 0x27, 0x2f, 0x3a];
const [LESS, GREATER, QUESTION] = [0x3c, 0x3e, 0x3f];

/** A list of ranges in one attribute may be long; a tag that has no end must not be held for ever. */
const LONGEST_TAG = 4 * 1024 * 1024;
const DEEPEST = 256;
/** A reference that the end of the window cuts off is no longer than this. */
const LONGEST_REFERENCE = 16;
/** What may begin a reference, a line end, an escape of the workbook, or one of JSON. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, unit) =>
  unit < SPACE || '"\\&_'.includes(String.fromCharCode(unit)) ? 1 : 0,
);
const CDATA = '<![CDATA[';

/**
 * Reads an XML part token by token, in a window that slides over it. Names are told without their prefix: what a prefix
 * stands for is the same wherever it matters. There are no entities but XML's own, and no document types: they are damage.
 *
 * `next` never waits, as millions of tokens would each take their turn: it asks for more when the window is used up.
 */
export class XmlScanner extends PartWindow {
  /** Of the element that has begun or ended. */
  name = '';
  /** How many elements are open, with that one. */
  depth = 0;
  /** What in the window the token is about: the attributes of a start tag, or a piece of text. */
  from = 0;
  to = 0;
  /** Of a text: whether each of its characters certainly stands for itself, in XML, in a workbook and in JSON. */
  isPlain = false;
  #at = 0;
  readonly #names: string[] = [];
  #open = 0;
  /** A tag that begins and ends its element: the end is told next. */
  #closes = false;
  /** What ends the comment, the instruction or the CDATA section that is being read. */
  #until = '';
  #isCdata = false;

  next(): Token {
    for (;;) {
      if (this.#closes) {
        this.#closes = false;
        return this.#end();
      }
      const at = this.#at;
      if (this.#until !== '') {
        const token = this.#goOnUntil(at);
        if (token === null) continue;
        return token;
      }
      if (this.window.charCodeAt(at) !== LESS) {
        if (at < this.window.length) return this.#characters(at);
        return this.isLast ? this.#finish() : MORE;
      }
      const second = this.window.charCodeAt(at + 1);
      if (second === SLASH) return this.#endTag(at);
      if (second !== BANG && second !== QUESTION) return this.#startTag(at);
      if (!this.#markup(at)) return this.#incomplete(at);
    }
  }

  /** What is not complete in the window is looked at again when there is more of it. */
  async more(): Promise<void> {
    await this.slide(this.#at);
    this.#at = 0;
  }

  /** An attribute of the start tag, by its name without prefix; null when it has none. */
  attribute(name: string): string | null {
    // Of the tag alone: a search in the window would go on to its end, for each tag without the attribute.
    const tag = this.window.slice(this.from, this.to);
    for (let at = 0; at < tag.length; ) {
      const equals = tag.indexOf('=', at);
      if (equals === -1) break;
      const full = tag.slice(at, equals).trim();
      let open = equals + 1;
      while (isSpace(tag.charCodeAt(open))) open += 1;
      const quote = tag.charAt(open);
      const close = quote === '"' || quote === "'" ? tag.indexOf(quote, open + 1) : -1;
      if (close === -1) throw this.damaged('has an attribute without quotes');
      if (full.slice(full.lastIndexOf(':') + 1) === name) return this.#decoded(tag.slice(open + 1, close));
      at = close + 1;
    }
    return null;
  }

  /**
   * Takes what follows at once, if it is nothing but text between these tags, of which the last closes the element that is
   * open. Most cells are so, and their tokens one by one would take twice as long.
   */
  takeText(before: string, after: string): boolean {
    const { window } = this;
    if (this.#closes || !window.startsWith(before, this.#at)) return false;
    const from = this.#at + before.length;
    let special = 0;
    let to = from;
    for (; to < window.length; to++) {
      const unit = window.charCodeAt(to);
      if (unit === LESS) break;
      special |= SPECIAL[unit] ?? 0;
    }
    if (!window.startsWith(after, to)) return false;
    this.#isCdata = false;
    this.#text(from, to, to + after.length);
    this.isPlain = special === 0;
    this.#open -= 1;
    return true;
  }

  /** The piece of text. */
  characters(): string {
    const raw = this.window.slice(this.from, this.to);
    if (this.isPlain) return raw;
    return this.#isCdata ? raw.replace(/\r\n?/g, '\n') : this.#decoded(raw);
  }

  #decoded(raw: string): string {
    const text = characterData(raw);
    if (text === null) throw this.damaged('has an & that begins no reference which XML knows');
    return text;
  }

  #startTag(at: number): Token {
    const { window } = this;
    let nameFrom = at + 1;
    let end = nameFrom;
    for (; end < window.length; end++) {
      const unit = window.charCodeAt(end);
      if (unit === GREATER || unit === SLASH || isSpace(unit)) break;
      if (unit === COLON) nameFrom = end + 1;
      else if (unit === LESS) throw this.damaged('has a < within a tag');
    }
    let close = end;
    for (; close < window.length; close++) {
      const unit = window.charCodeAt(close);
      if (unit === GREATER) break;
      if (unit === QUOTE || unit === APOSTROPHE) {
        close = window.indexOf(unit === QUOTE ? '"' : "'", close + 1);
        if (close === -1) return this.#incomplete(at);
      } else if (unit === LESS) throw this.damaged('has a < within a tag');
    }
    if (close >= window.length) return this.#incomplete(at);
    this.#closes = window.charCodeAt(close - 1) === SLASH && close > end;
    this.from = end;
    this.to = this.#closes ? close - 1 : close;
    this.#at = close + 1;
    this.#begin(window.slice(nameFrom, end));
    return START;
  }

  #begin(name: string): void {
    if (this.#open === 0 && this.#names.length > 0) throw this.damaged('has two root elements');
    if (this.#open === DEEPEST) throw this.damaged(`nests elements deeper than ${DEEPEST} levels`);
    this.#names[this.#open] = name;
    this.#open += 1;
    this.name = name;
    this.depth = this.#open;
  }

  #endTag(at: number): Token {
    const { window } = this;
    const expected = this.#names[this.#open - 1] ?? '';
    const end = at + 2 + expected.length;
    if (window.charCodeAt(end) === GREATER && window.startsWith(expected, at + 2) && this.#open > 0) {
      this.#at = end + 1;
      return this.#end();
    }
    const close = window.indexOf('>', at);
    if (close === -1) return this.#incomplete(at);
    const full = window.slice(at + 2, close).trimEnd();
    if (this.#open === 0 || full.slice(full.lastIndexOf(':') + 1) !== expected) {
      throw this.damaged('closes an element that is not open');
    }
    this.#at = close + 1;
    return this.#end();
  }

  #end(): Token {
    this.depth = this.#open;
    this.name = this.#names[this.#open - 1] ?? '';
    this.#open -= 1;
    return END;
  }

  #characters(at: number): Token {
    const { window } = this;
    this.#isCdata = false;
    const less = window.indexOf('<', at);
    let to = less;
    if (less === -1) {
      to = this.isLast ? window.length : endOfWhole(window, at);
      if (to === at) return MORE;
    }
    if (this.#open === 0 && window.slice(at, to).trim() !== '') {
      throw this.damaged('has text outside of its root element');
    }
    return this.#text(at, to, to);
  }

  #text(from: number, to: number, next: number): Token {
    this.from = from;
    this.to = to;
    this.#at = next;
    this.isPlain = false;
    this.depth = this.#open;
    return TEXT;
  }

  /** Begins a comment, an instruction or a CDATA section; false when the window does not tell which. */
  #markup(at: number): boolean {
    const { window } = this;
    this.#isCdata = false;
    if (window.startsWith('<?', at)) this.#enter('?>', at + 2);
    else if (window.startsWith('<!--', at)) this.#enter('-->', at + 4);
    else if (window.startsWith(CDATA, at) && this.#open > 0) {
      this.#enter(']]>', at + CDATA.length);
      this.#isCdata = true;
    } else if (window.length - at >= CDATA.length || this.isLast) {
      throw this.damaged('declares a document type or entities, as no workbook does');
    } else return false;
    return true;
  }

  #enter(until: string, at: number): void {
    this.#until = until;
    this.#at = at;
  }

  /** @returns null when it is over and there is nothing to tell */
  #goOnUntil(at: number): Token | null {
    const { window } = this;
    const end = window.indexOf(this.#until, at);
    if (end === -1) {
      let to = Math.max(at, window.length - this.#until.length + 1);
      if (window.charCodeAt(to - 1) === CR && to > at) to -= 1;
      if (this.#isCdata && to > at) return this.#text(at, to, to);
      this.#at = to;
      return this.isLast ? this.#incomplete(to) : MORE;
    }
    const next = end + this.#until.length;
    this.#until = '';
    this.#at = next;
    return this.#isCdata && end > at ? this.#text(at, end, next) : null;
  }

  #incomplete(at: number): typeof MORE {
    if (this.isLast) throw this.damaged('ends before its last tag');
    if (this.window.length - at > LONGEST_TAG) {
      throw this.damaged(`has a tag of more than ${LONGEST_TAG} bytes`);
    }
    return MORE;
  }

  #finish(): typeof OVER {
    if (this.#open > 0 || this.#names.length === 0) throw this.damaged('ends before its last tag');
    return OVER;
  }
}

function isSpace(unit: number): boolean {
  return unit === SPACE || unit === LF || unit === CR || unit === TAB;
}

/** Where a text ends that goes on after the window: before what cannot be read without what follows. */
function endOfWhole(window: string, at: number): number {
  const end = window.length;
  const from = Math.max(at, end - LONGEST_REFERENCE);
  const tail = window.slice(from);
  const reference = tail.lastIndexOf('&');
  if (reference !== -1 && !tail.includes(';', reference)) return from + reference;
  return window.charCodeAt(end - 1) === CR ? end - 1 : end;
}
