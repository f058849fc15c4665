export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

/** A record that a file gives as a JSON object. */
export interface JsonRecord {
  /** As `JSON.parse` reads it, which keeps 15 digits of a number and not its decimal zeros. */
  readonly value: JsonObject;
  /** Whether each number of `value` is the one in the file; what is a number may still be written otherwise (`1.10`). */
  readonly exact: boolean;
  /** The number at these keys as the file writes it. */
  literal(keys: readonly string[]): string;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What a record has at a key path (`address.city`), as text; `null` when it gives nothing there that one cell could
 * hold. A key that holds dots itself is found as well.
 */
export function textAt(record: JsonRecord, keyPath: string): string | null {
  const keys = keysTo(record.value, keyPath);
  if (keys === null) return null;
  const value = keys.reduce((at: JsonValue | undefined, key) => (at as JsonObject)[key], record.value);
  if (typeof value === 'number') return record.literal(keys);
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The keys that lead to a path, `null` when none do. */
function keysTo(object: JsonObject, keyPath: string): string[] | null {
  if (Object.hasOwn(object, keyPath)) return [keyPath];
  for (let dot = keyPath.indexOf('.'); dot !== -1; dot = keyPath.indexOf('.', dot + 1)) {
    const key = keyPath.slice(0, dot);
    const inner = Object.hasOwn(object, key) ? object[key] : undefined;
    const rest = isObject(inner) ? keysTo(inner, keyPath.slice(dot + 1)) : null;
    if (rest !== null) return [key, ...rest];
  }
  return null;
}
