import { type Coerced, coerceLiteral, coerceOther, coerceText, type Problem } from './coerce.ts';
import type { Field } from './field.ts';
import { isObject, type JsonObject, type JsonRecord, type JsonValue } from './json-record.ts';
import { parentOf, place, type RecordInput } from './record-input.ts';
import { type RecordError, shortened } from './result.ts';

/** What a key path stands for; it may be both. */
interface Name {
  /** As errors show it. */
  column: string;
  field: Field | null;
  /** Whether longer paths that fill fields begin with it. */
  inside: boolean;
}

/** One record while it is read. */
interface Reading {
  record: JsonRecord;
  input: RecordInput;
  errors: RecordError[];
}

/**
 * Fills an operation's input from a JSON object. A key within an object (`{"address": {"city": …}}`) and a key with
 * dots (`{"address.city": …}`) name the same field; keys that name none are not looked at.
 */
export class KeyReader {
  readonly #names = new Map<string, Name>();
  readonly #required: Field[];
  /** What the file calls each field. */
  readonly columns = new Map<string, string>();

  /** @param fields by the key path that fills each */
  constructor(fields: ReadonlyMap<string, Field>) {
    for (const [path, field] of fields) {
      this.#name(path).field = field;
      this.columns.set(field.name, shortened(path));
      for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
        this.#name(path.slice(0, dot)).inside = true;
      }
    }
    this.#required = [...fields.values()].filter((field) => field.required && field.path.length > 1);
  }

  read(record: JsonRecord, input: RecordInput, errors: RecordError[]): void {
    // So that the check names the field that is missing and not the object that it would be in.
    for (const field of this.#required) parentOf(input, field);
    this.#readObject({ record, input, errors }, record.value, '', []);
  }

  #name(path: string): Name {
    const known = this.#names.get(path);
    if (known !== undefined) return known;
    const name: Name = { column: shortened(path), field: null, inside: false };
    this.#names.set(path, name);
    return name;
  }

  /** @param prefix of the names of its keys, with a dot at its end; `keys` lead to it */
  #readObject(reading: Reading, object: JsonObject, prefix: string, keys: readonly string[]): void {
    for (const key in object) {
      const name = this.#names.get(prefix + key);
      const value = object[key];
      if (name === undefined || value === undefined || value === null || value === '') continue;
      if (name.inside && isObject(value)) {
        this.#readObject(reading, value, `${prefix}${key}.`, [...keys, key]);
        continue;
      }
      const read = name.field === null ? NO_OBJECT : coerce(reading.record, name.field, value, keys, key);
      const error = read.error ?? (place(reading.input, name.field!, read.value) ? undefined : TWICE);
      if (error !== undefined)
        reading.errors.push(about(error, name, shown(reading.record, value, keys, key)));
    }
  }
}

type Given = Exclude<JsonValue, null>;

const NO_OBJECT: Coerced = { error: { code: 'invalid_type', message: 'must be an object' } };
const TWICE: Problem = {
  code: 'json_key_repeated',
  message: 'is given twice, within an object and by a key with dots',
};

function coerce(
  record: JsonRecord,
  { type }: Field,
  value: Given,
  keys: readonly string[],
  key: string,
): Coerced {
  if (typeof value === 'string') return coerceText(value, type);
  if (typeof value !== 'number') return coerceOther(value, type);
  const isItself = record.exact && (type === 'number' || type === 'integer');
  return isItself ? { value } : coerceLiteral(record.literal([...keys, key]), type);
}

function shown(record: JsonRecord, value: Given, keys: readonly string[], key: string): string {
  return shortened(typeof value === 'number' ? record.literal([...keys, key]) : value);
}

function about(problem: Problem, { field, column }: Name, value: string): RecordError {
  return field === null ? { ...problem, column, value } : { ...problem, field: field.name, column, value };
}
