import type { ChunkLimits, RecordFault } from '../../core/chunk.ts';
import type { JsonObject, JsonValue } from '../../core/json-record.ts';
import { shortened } from '../../core/result.ts';
import { RESERVED_NAMES } from '../reserved-names.ts';

/** Deeper than anyone means it, and shallow enough for every recursive function that meets the record later. */
export const MOST_LEVELS = 32;

/** UTF-8 needs at most this many bytes for a UTF-16 unit. */
const MOST_BYTES_PER_UNIT = 3;
const SURROGATE_ESCAPE = /\\u[dD]/;
const HALF_A_PAIR = /\p{Surrogate}/u;

/** How many keys all objects of a value have; or what is wrong with its keys or its depth. */
export function countKeys(value: JsonObject | JsonValue[], level: number): number | RecordFault {
  if (level > MOST_LEVELS) return tooDeep();
  if (Array.isArray(value)) return keysOfItems(value, level);
  let keys = 0;
  for (const key in value) {
    if (RESERVED_NAMES.has(key)) {
      return { code: 'json_key_reserved', message: `The key "${key}" is not allowed` };
    }
    keys += 1;
    const child = value[key];
    if (typeof child !== 'object' || child === null) continue;
    const inner = countKeys(child, level + 1);
    if (typeof inner !== 'number') return inner;
    keys += inner;
  }
  return keys;
}

function keysOfItems(items: readonly JsonValue[], level: number): number | RecordFault {
  let keys = 0;
  for (const item of items) {
    if (typeof item !== 'object' || item === null) continue;
    const inner = countKeys(item, level + 1);
    if (typeof inner !== 'number') return inner;
    keys += inner;
  }
  return keys;
}

export function tooDeep(): RecordFault {
  return {
    code: 'json_too_deep',
    message: `Arrays and objects are nested deeper than ${MOST_LEVELS} levels`,
  };
}

/** Whether `badText` can find anything at all: almost never. */
export function mayHoldBadText(line: string, limits: Pick<ChunkLimits, 'cellBytes'>): boolean {
  return line.length * MOST_BYTES_PER_UNIT > limits.cellBytes || SURROGATE_ESCAPE.test(line);
}

/** The first text in a value that is too large, or no text: JSON can escape the half of a surrogate pair. */
export function badText(
  value: JsonValue,
  path: string,
  limits: Pick<ChunkLimits, 'cellBytes'>,
): RecordFault | undefined {
  if (typeof value === 'string') {
    const size = Buffer.byteLength(value);
    if (size > limits.cellBytes) {
      const message = `The value of "${shortened(path)}" has ${size} bytes; the limit is ${limits.cellBytes}`;
      return { code: 'cell_too_large', message };
    }
    if (HALF_A_PAIR.test(value)) {
      return {
        code: 'not_text',
        message: `The value of "${shortened(path)}" holds half of a surrogate pair`,
      };
    }
  } else if (typeof value === 'object' && value !== null) {
    // An array may have millions of items, and making names of their places takes seconds.
    for (const [key, child] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
      if (typeof key === 'string' && HALF_A_PAIR.test(key)) {
        const message = `A key${path === '' ? '' : ` in "${shortened(path)}"`} holds half of a surrogate pair`;
        return { code: 'not_text', message };
      }
      if (child === null || (typeof child !== 'string' && typeof child !== 'object')) continue;
      const fault = badText(child, path === '' ? `${key}` : `${path}.${key}`, limits);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}
