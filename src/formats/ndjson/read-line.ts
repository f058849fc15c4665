import type { ChunkLimits, RecordFault } from '../../core/chunk.ts';
import { isObject, type JsonObject, type JsonValue } from '../../core/json-record.ts';
import { malformed } from './malformed.ts';
import { mayRepeatKeys, repeatedKey } from './repeated-key.ts';
import { badText, countKeys, mayHoldBadText } from './soundness.ts';
import { hasTooManyKeys, tooManyKeys } from './too-many-keys.ts';

type ReadLine = { value: JsonObject; fault?: undefined } | { fault: RecordFault; value?: undefined };

/**
 * Reads one line as a record: one JSON object (RFC 8259) with no key twice, since which of the two counts is anyone's
 * guess, and with nothing that could not be stored or would reach a prototype.
 *
 * @param text without the line's end
 */
export function readLine(text: string, limits: Pick<ChunkLimits, 'cellBytes'>): ReadLine {
  // Asked before the objects are built: with half a million keys that alone takes seconds.
  if (hasTooManyKeys(text)) return { fault: tooManyKeys() };
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return { fault: malformed(text, error as Error) };
  }
  if (!isObject(value)) return { fault: notObject(value) };
  const keys = countKeys(value, 1);
  if (typeof keys !== 'number') return { fault: keys };
  const fault =
    (mayRepeatKeys(text, keys) ? repeatedKey(text) : undefined) ??
    (mayHoldBadText(text, limits) ? badText(value, '', limits) : undefined);
  return fault === undefined ? { value } : { fault };
}

function notObject(value: JsonValue): RecordFault {
  const what = Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`;
  return { code: 'json_not_object', message: `The record is ${what}; it has to be an object in braces` };
}
