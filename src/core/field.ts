import type { TObject, TSchema } from 'typebox';

/** A leaf of an input schema: what one cell of a file can hold. */
export interface Field {
  /** Names joined by dots: `address.city`. */
  name: string;
  path: readonly string[];
  type: 'string' | 'number' | 'integer' | 'boolean';
  /** The form that the schema asks for: `date`, `date-time`, `email`, … */
  format?: string;
  required: boolean;
}

interface PlainSchema {
  type?: unknown;
  format?: unknown;
  properties?: Record<string, TSchema>;
  required?: string[];
  additionalProperties?: unknown;
}

const CELL_TYPES = ['string', 'number', 'integer', 'boolean'] as const;

/**
 * The leaves of an input schema, in its order.
 * @throws {Error} when the schema is open or a leaf has a type that no cell can hold.
 */
export function leafFields(schema: TObject): Field[] {
  return leavesUnder(schema as PlainSchema, [], true);
}

function leavesUnder(schema: PlainSchema, path: readonly string[], required: boolean): Field[] {
  const at = path.join('.') || 'the input schema';
  if (schema.additionalProperties !== false) throw new Error(`${at} needs additionalProperties: false`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]): Field[] => {
    const here = [...path, name];
    // Checks would find what every object inherits, such as `constructor`, where a record does not give the field.
    if (name in Object.prototype) throw new Error(`${here.join('.')} is not possible as the name of a field`);
    const needed = required && (schema.required ?? []).includes(name);
    const { type, format } = property as PlainSchema;
    if (type === 'object') return leavesUnder(property as PlainSchema, here, needed);
    const cellType = CELL_TYPES.find((known) => known === type);
    if (cellType === undefined) {
      throw new Error(`${here.join('.')} has the type ${JSON.stringify(type)}, which no cell can hold`);
    }
    if (name.includes('.')) throw new Error(`${here.join('.')}: a field’s own name may not hold a dot`);
    const leaf: Field = { name: here.join('.'), path: here, type: cellType, required: needed };
    if (typeof format === 'string') leaf.format = format;
    return [leaf];
  });
}
