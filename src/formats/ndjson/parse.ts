import { isAscii, isUtf8 } from 'node:buffer';
import type { JsonObject, JsonRecord } from '../../core/json-record.ts';
import { byteOffsets } from '../byte-offsets.ts';
import { encodingFault } from '../encoding.ts';
import { CR, LF } from '../line-ends.ts';
import type { ChunkPlace, FaultyRow, ValueRow } from '../row.ts';
import { isBlank } from './blank.ts';
import { literalOf, mayLoseDigits, withLiterals } from './literals.ts';
import { readLine } from './read-line.ts';

const BRACE = 0x7b;
const BLANK = /^[ \t\r]*$/;

type NdjsonRow = ValueRow | FaultyRow;

/**
 * Reads the records of one chunk, one a line, by the rules with which `NdjsonIndexer` has cut it: as many rows come
 * back as the chunk has records, in order. A line that cannot be read never changes its neighbours.
 *
 * Faults: `json_malformed`, `json_not_object`, `json_too_deep`, `json_too_many_keys`, `json_key_reserved`,
 * `json_key_repeated`, `cell_too_large`, `not_text`; `file_encoding` for a line with bytes that are no UTF-8.
 */
export function parseNdjsonChunk(bytes: Buffer, place: ChunkPlace): NdjsonRow[] {
  const rows: NdjsonRow[] = [];
  if (isAscii(bytes)) readText(bytes.toString('latin1'), 0, place, rows);
  else if (isUtf8(bytes)) readText(bytes.toString('utf8'), 0, place, rows);
  else readDamaged(bytes, place, rows);
  return rows;
}

/** @param offset where the text begins in the chunk, in bytes */
function readText(text: string, offset: number, place: ChunkPlace, rows: NdjsonRow[]): void {
  const offsetOf = byteOffsets(text, offset);
  for (let start = 0, next = 0; start < text.length; start = next) {
    const lf = text.indexOf('\n', start);
    const end = lf === -1 ? text.length : lf;
    next = end + 1;
    const line = text.slice(start, text.charCodeAt(end - 1) === CR && end > start ? end - 1 : end);
    // Most lines begin with their brace: only others can be blank.
    if (line.charCodeAt(0) !== BRACE && BLANK.test(line)) continue;
    const { value, fault } = readLine(line, place.limits);
    rows.push(fault ? { fault, offset: offsetOf(start) } : new ValueOfLine(value, line));
  }
}

/** Some bytes are no UTF-8: each line is decoded by itself, and the broken ones are told. */
function readDamaged(bytes: Buffer, place: ChunkPlace, rows: NdjsonRow[]): void {
  for (const line of lineSlices(bytes)) {
    const start = line.byteOffset - bytes.byteOffset;
    if (isUtf8(line)) {
      readText(line.toString('utf8'), start, place, rows);
    } else {
      const record = place.firstRecord + rows.length;
      const { encoding } = place;
      const fault = encodingFault(line, { record, offset: place.start + start, encoding });
      rows.push({ fault, offset: start });
    }
  }
}

/**
 * The bytes of each record with its line end, as many as `parseNdjsonChunk` has rows. Nothing is made of a blank line: a
 * chunk can hold millions of them.
 */
export function lineSlices(bytes: Buffer): Buffer[] {
  const slices: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const lf = bytes.indexOf(LF, start);
    const end = lf === -1 ? bytes.length : lf + 1;
    if (!isBlank(bytes, start, end)) slices.push(bytes.subarray(start, end));
    start = end;
  }
  return slices;
}

class ValueOfLine implements JsonRecord {
  readonly value: JsonObject;
  readonly #line: string;
  #exact: boolean | null = null;
  #literals: JsonObject | null = null;

  constructor(value: JsonObject, line: string) {
    this.value = value;
    this.#line = line;
  }

  get exact(): boolean {
    this.#exact ??= !mayLoseDigits(this.#line);
    return this.#exact;
  }

  literal(keys: readonly string[]): string {
    const [key] = keys;
    const found = keys.length === 1 && key !== undefined ? literalOf(this.#line, key) : null;
    if (found !== null) return found;
    this.#literals ??= withLiterals(this.#line);
    let at: unknown = this.#literals;
    for (const key of keys) at = (at as JsonObject)[key];
    return String(at);
  }
}
