import { type Static, type TSchema, Type } from 'typebox';

/** Pieces that the schemas of several resources share. */

/** A named schema of the OpenAPI document; `reference` points to it, so that it is written there once. */
export type Component = TSchema & { $id: string };

export function component<T extends TSchema>(name: string, schema: T): T & { $id: string } {
  return Object.assign(schema, { $id: name });
}

/** `{ $ref }` to a component, with the component's type. */
export function reference<T extends Component>(to: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${to.$id}#` });
}

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

/** An object that may hold any keys; what the values are is said, where it matters, by `values`. */
export function dictionary<T = unknown>(
  options: Record<string, unknown> = {},
  values: TSchema | true = true,
) {
  return Type.Unsafe<Record<string, T>>({ type: 'object', additionalProperties: values, ...options });
}

export const uuid = (description: string) => Type.String({ format: 'uuid', description });

export const sha256 = (description: string) => Type.String({ pattern: '^[a-f0-9]{64}$', description });

export const seconds = (description: string) =>
  Type.Number({ description: `${description} (Unix seconds with three decimals)` });

/** A query without parameters: one that is given anyway is refused, as ignoring it would be a lie. */
export const NoQuery = Type.Object({}, { additionalProperties: false });

/** A response of a route: what it says, the component that it is, and its headers (name → description). */
export function answer(description: string, schema: Component, headers: Record<string, string> = {}) {
  const named = Object.entries(headers).map(([name, text]) => [name, { type: 'string', description: text }]);
  return {
    description,
    ...(named.length > 0 && { headers: Object.fromEntries(named) }),
    content: { 'application/json': { schema: reference(schema) } },
  };
}
