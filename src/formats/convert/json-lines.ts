import type { FileFault } from '../../core/errors.ts';
import { CR, LF } from '../line-ends.ts';
import { NO_BYTES, type TextStep } from './text-step.ts';

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const BEFORE_ARRAY = 0;
/** After the opening bracket: an item, or the end of an empty array. */
const ARRAY_OPENED = 1;
const ITEM_EXPECTED = 2;
/** Inside an object or array, outside of strings. */
const NESTED = 3;
const STRING = 4;
/** An item that is no string, object or array: a number, a word, nonsense. */
const BARE = 5;
const ITEM_ENDED = 6;
const ARRAY_CLOSED = 7;
const BROKEN = 8;

/**
 * Lays the items of a JSON array out as lines of NDJSON, without reading them: each comes out as it is written, so that
 * no number loses a digit, and one that is no JSON fails as that line does. Line ends between the tokens of an item become
 * blanks. In a string JSON allows none: there they become CR, which it does not allow either and which ends no line.
 * Brackets are only counted, so that depth costs nothing.
 */
export class JsonLines implements TextStep {
  fault: FileFault | undefined;
  #state = BEFORE_ARRAY;
  /** How many objects and arrays are open in the item. */
  #depth = 0;
  /** Whether the byte before was a backslash in a string that escapes the next. */
  #escaped = false;
  #items = 0;
  /** The first item with a line end in a string, from 1: if a quote is missing there, nothing after it is what it seems. */
  #suspect = 0;
  #pushed = 0;
  #lines: Buffer = NO_BYTES;
  #to = 0;

  push(piece: Buffer): Buffer {
    // Each item gets an LF, but takes a comma or bracket with it, except perhaps the last one of the piece.
    this.#lines = Buffer.allocUnsafe(piece.length + 1);
    this.#to = 0;
    for (let at = 0; at < piece.length && this.#state !== BROKEN; ) {
      if (this.#state === STRING) at = this.#string(piece, at);
      else if (this.#state === NESTED) at = this.#nested(piece, at);
      else this.#between(piece[at]!, at++);
    }
    this.#pushed += piece.length;
    return this.#lines.subarray(0, this.#to);
  }

  finish(): Buffer {
    if (this.#state === NESTED || this.#state === STRING) {
      this.#break(`The file ends in the middle of item ${this.#items} of the array`, 0);
    } else if (this.#state !== ARRAY_CLOSED && this.#state !== BROKEN) {
      this.#break(`The file ends before its array does, ${this.#place()}`, 0);
    }
    return NO_BYTES;
  }

  /** Goes on in a string. @returns where it went to */
  #string(piece: Buffer, from: number): number {
    const lines = this.#lines;
    let to = this.#to;
    let at = from;
    let escaped = this.#escaped;
    let state: number = STRING;
    while (at < piece.length && state === STRING) {
      const byte = piece[at++]!;
      lines[to++] = byte;
      if (byte === LF || byte === CR) {
        lines[to - 1] = CR;
        if (this.#suspect === 0) this.#suspect = this.#items;
      }
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) state = NESTED;
    }
    this.#to = to;
    this.#escaped = escaped;
    this.#state = state;
    if (state === NESTED && this.#depth === 0) this.#endItem();
    return at;
  }

  /** Goes on between the tokens inside an object or array. @returns where it went to */
  #nested(piece: Buffer, from: number): number {
    const lines = this.#lines;
    let to = this.#to;
    let at = from;
    let depth = this.#depth;
    let inside = true;
    while (at < piece.length && inside) {
      const byte = piece[at++]!;
      lines[to++] = byte === LF || byte === CR ? SPACE : byte;
      if (byte === QUOTE) {
        this.#state = STRING;
        inside = false;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1;
        inside = depth > 0;
      }
    }
    this.#to = to;
    this.#depth = depth;
    if (depth === 0) this.#endItem();
    return at;
  }

  /** A byte of the array itself, or of a bare item. */
  #between(byte: number, at: number): void {
    const blank = byte === SPACE || byte === TAB || byte === LF || byte === CR;
    if (this.#state === BARE) {
      if (!blank && !isStructural(byte)) {
        this.#lines[this.#to++] = byte;
        return;
      }
      this.#endItem();
    }
    if (blank) return;
    if (this.#state === BEFORE_ARRAY) {
      if (byte === OPEN_BRACKET) this.#state = ARRAY_OPENED;
      else this.#break('The file does not begin with the bracket of an array', at);
    } else if (this.#state === ARRAY_CLOSED) {
      this.#break('The file goes on after the closing bracket of the array', at);
    } else if (this.#state === ITEM_ENDED) {
      if (byte === COMMA) this.#state = ITEM_EXPECTED;
      else if (byte === CLOSE_BRACKET) this.#state = ARRAY_CLOSED;
      else this.#break(`A comma is missing ${this.#place()}`, at);
    } else if (byte === CLOSE_BRACKET && this.#state === ARRAY_OPENED) {
      this.#state = ARRAY_CLOSED;
    } else if (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || byte === COLON) {
      this.#break(`There is "${String.fromCharCode(byte)}" where an item has to be, ${this.#place()}`, at);
    } else {
      this.#beginItem(byte);
    }
  }

  #beginItem(byte: number): void {
    this.#items += 1;
    this.#lines[this.#to++] = byte;
    this.#depth = byte === OPEN_BRACE || byte === OPEN_BRACKET ? 1 : 0;
    this.#state = byte === QUOTE ? STRING : this.#depth === 1 ? NESTED : BARE;
  }

  #endItem(): void {
    this.#lines[this.#to++] = LF;
    this.#state = ITEM_ENDED;
  }

  #place(): string {
    return this.#items === 0 ? 'at its beginning' : `after item ${this.#items} of the array`;
  }

  /** @param at where in the piece */
  #break(message: string, at: number): void {
    const hint =
      this.#suspect > 0
        ? `; a string of item ${this.#suspect} goes over a line end: is its quote missing?`
        : '';
    this.fault = { code: 'file_json_malformed', message: message + hint, offset: this.#pushed + at };
    this.#state = BROKEN;
  }
}

function isStructural(byte: number): boolean {
  return (
    byte === COMMA ||
    byte === COLON ||
    byte === QUOTE ||
    byte === OPEN_BRACKET ||
    byte === CLOSE_BRACKET ||
    byte === OPEN_BRACE ||
    byte === CLOSE_BRACE
  );
}
