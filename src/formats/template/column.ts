import type { TObject } from 'typebox';
import { type Field, leafFields } from '../../core/field.ts';

export type ColumnKind = 'text' | 'date' | 'integer' | 'number' | 'boolean';

export type ColumnValue = string | number | boolean;

/** A column of a file to fill in, with what the schema says of it. */
export interface TemplateColumn {
  name: string;
  /** `null`: something to read beside the others, which is ignored when the file comes back. */
  field: Field | null;
  kind: ColumnKind;
  description?: string;
  /** The only values that there may be. */
  allowed?: readonly ColumnValue[];
  /** What may be shown as a value of it. */
  examples: readonly ColumnValue[];
  rules: ColumnRules;
}

/** The rules of a schema that say how a value of a column may be. */
export interface ColumnRules {
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  pattern?: string;
}

const NUMBERS = [
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
] as const;

/** The columns that fill the fields of an input, in its order. */
export function inputColumns(input: TObject): TemplateColumn[] {
  return leafFields(input).map((field) => inputColumn(field, schemaAt(input, field.path)));
}

/** A column that is only read. */
export function readOnlyColumn(name: string, description: string): TemplateColumn {
  return { name, field: null, kind: 'text', description, examples: [], rules: {} };
}

type Schema = Readonly<Record<string, unknown>>;

function schemaAt(input: TObject, path: readonly string[]): Schema {
  let schema = input as unknown as Schema;
  for (const name of path) schema = (schema.properties as Record<string, Schema>)[name]!;
  return schema;
}

function inputColumn(field: Field, schema: Schema): TemplateColumn {
  const column: TemplateColumn = {
    name: field.name,
    field,
    kind: kindOf(field),
    examples: valuesOf(field, [...listed(schema.examples), schema.default]),
    rules: rulesOf(schema),
  };
  if (typeof schema.description === 'string') column.description = schema.description;
  const only = schema.const !== undefined ? [schema.const] : schema.enum;
  if (Array.isArray(only)) column.allowed = valuesOf(field, only);
  else if (field.type === 'boolean') column.allowed = [true, false];
  return column;
}

function kindOf({ type, format }: Field): ColumnKind {
  if (type !== 'string') return type;
  return format === 'date' ? 'date' : 'text';
}

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Those that the field can have at all. */
function valuesOf({ type }: Field, values: readonly unknown[]): ColumnValue[] {
  const typeOf = type === 'integer' ? 'number' : type;
  return values.filter((value): value is ColumnValue => typeof value === typeOf);
}

function rulesOf(schema: Schema): ColumnRules {
  const rules: ColumnRules = {};
  for (const name of NUMBERS) {
    const value = schema[name];
    if (typeof value === 'number') rules[name] = value;
  }
  if (typeof schema.pattern === 'string') rules.pattern = schema.pattern;
  return rules;
}
