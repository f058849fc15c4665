import { coerceLiteral, coerceOther, coercionOf, textReader } from './coerce.ts';
import { type Coerced, isProblem, type Problem, type ReadText } from './coerced.ts';
import type { Field } from './field.ts';
import type { FileType } from './file-format.ts';
import { isObject, type JsonObject, type JsonRecord, type JsonValue, textAt } from './json-record.ts';
import { parentOf, place, type RecordInput } from './record-input.ts';
import { type RecordError, shortened } from './result.ts';
import type { ColumnTally } from './tally.ts';
import type { ValueRules } from './value-rules.ts';

/** What a key path stands for; it may be both. */
interface Name {
  /** As errors show it. */
  column: string;
  filled: FilledField | null;
  /** Whether longer paths that fill fields begin with it. */
  inside: boolean;
}

/** A field that values of a key path fill. */
interface FilledField extends ColumnTally {
  field: Field;
  read: ReadText;
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
  /** The key path that fills each field. */
  readonly #paths = new Map<string, string>();
  /** What the file calls each field. */
  readonly columns = new Map<string, string>();

  /** @param fields by the key path that fills each */
  constructor(
    fields: ReadonlyMap<string, Field>,
    values: { rules: ValueRules; format: FileType | undefined },
  ) {
    for (const [path, field] of fields) {
      const read = textReader(field, values.rules, values.format);
      this.#name(path).filled = { field, read, column: path, rule: coercionOf(field), blank: 0, changed: 0 };
      this.#paths.set(field.name, path);
      this.columns.set(field.name, shortened(path));
      for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
        this.#name(path.slice(0, dot)).inside = true;
      }
    }
    this.#required = [...fields.values()].filter((field) => field.required && field.path.length > 1);
  }

  get tallies(): Iterable<ColumnTally> {
    return [...this.#names.values()].flatMap(({ filled }) => filled ?? []);
  }

  /** What a field was read from, as text; `null`: none was given. */
  textOf(record: JsonRecord, field: string): string | null {
    const path = this.#paths.get(field);
    return path === undefined ? null : textAt(record, path);
  }

  read(record: JsonRecord, input: RecordInput, errors: RecordError[]): void {
    // So that the check names the field that is missing and not the object that it would be in.
    for (const field of this.#required) parentOf(input, field);
    this.#readObject({ record, input, errors }, record.value, '', []);
  }

  #name(path: string): Name {
    const known = this.#names.get(path);
    if (known !== undefined) return known;
    const name: Name = { column: shortened(path), filled: null, inside: false };
    this.#names.set(path, name);
    return name;
  }

  /** @param prefix of the names of its keys, with a dot at its end; `keys` lead to it */
  #readObject(reading: Reading, object: JsonObject, prefix: string, keys: readonly string[]): void {
    for (const key in object) {
      const name = this.#names.get(prefix + key);
      const value = object[key];
      if (name === undefined || value === undefined) continue;
      const { filled } = name;
      if (value === null || value === '') {
        if (filled !== null) filled.blank += 1;
        continue;
      }
      if (name.inside && isObject(value)) {
        this.#readObject(reading, value, `${prefix}${key}.`, [...keys, key]);
        continue;
      }
      const read = filled === null ? NO_OBJECT : coerce(reading.record, filled, value, keys, key);
      if (isProblem(read) || !place(reading.input, filled!.field, read)) {
        const problem = isProblem(read) ? read : TWICE;
        reading.errors.push(about(problem, name, shown(reading.record, value, keys, key)));
      } else if (read !== value) filled!.changed += 1;
    }
  }
}

type Given = Exclude<JsonValue, null>;

const NO_OBJECT: Problem = { code: 'invalid_type', message: 'must be an object' };
const TWICE: Problem = {
  code: 'json_key_repeated',
  message: 'is given twice, within an object and by a key with dots',
};

function coerce(
  record: JsonRecord,
  { field, read }: FilledField,
  value: Given,
  keys: readonly string[],
  key: string,
): Coerced {
  if (typeof value === 'string') return read(value);
  if (typeof value !== 'number') return coerceOther(value, field);
  const isItself = record.exact && (field.type === 'number' || field.type === 'integer');
  return isItself ? value : coerceLiteral(record.literal([...keys, key]), field, read);
}

function shown(record: JsonRecord, value: Given, keys: readonly string[], key: string): string {
  return shortened(typeof value === 'number' ? record.literal([...keys, key]) : value);
}

function about(problem: Problem, { filled, column }: Name, value: string): RecordError {
  return filled === null
    ? { ...problem, column, value }
    : { ...problem, field: filled.field.name, column, value };
}
