import type { TObject } from 'typebox';

interface PlainSchema {
  type?: unknown;
  properties?: Record<string, unknown>;
  additionalProperties?: unknown;
}

/** A schema with what a person need not write: that no other fields than these are known. */
export function closedSchema(schema: object, nested: boolean): TObject {
  const plain = schema as PlainSchema;
  const properties = Object.entries(plain.properties ?? {}).map(([name, property]) => {
    const isObject = nested && (property as PlainSchema | null)?.type === 'object';
    return [name, isObject ? closedSchema(property as object, true) : property];
  });
  return {
    additionalProperties: false,
    ...plain,
    properties: Object.fromEntries(properties),
  } as unknown as TObject;
}
