import { isUtf8 } from 'node:buffer';
import { isObject, type JsonObject } from '../../core/json-record.ts';
import { readLine } from './read-line.ts';

/** They are kept with the batch and shown, as columns of the results too, and bind nothing: what is beyond is left out. */
const MOST_PATHS = 2_048;
const MOST_CHARACTERS = 256 * 1024;

/**
 * The keys of a line's object, those of objects within after a dot (`address.city`); `null` when the line cannot be
 * read. PostgreSQL keeps no NUL, so it is shown as U+FFFD.
 */
export function keyPathsOf(line: Buffer): string[] | null {
  if (!isUtf8(line)) return null;
  const { value } = readLine(line.toString('utf8'), { cellBytes: Number.POSITIVE_INFINITY });
  if (value === undefined) return null;
  const kept = new Set<string>();
  let characters = 0;
  for (const path of paths(value, '')) {
    characters += path.length;
    if (kept.size === MOST_PATHS || characters > MOST_CHARACTERS) break;
    kept.add(path.replaceAll('\0', '\uFFFD'));
  }
  return [...kept];
}

function* paths(object: JsonObject, prefix: string): Generator<string> {
  for (const [key, child] of Object.entries(object)) {
    if (isObject(child) && Object.keys(child).length > 0) yield* paths(child, `${prefix}${key}.`);
    else yield prefix + key;
  }
}
