import type { Field } from './field.ts';

/** An operation's input while it is put together. */
export type RecordInput = Record<string, unknown>;

/** @returns false when the field has a value already, which stays */
export function place(input: RecordInput, field: Field, value: string | number | boolean): boolean {
  const parent = parentOf(input, field);
  const name = field.path.at(-1)!;
  if (parent[name] !== undefined) return false;
  parent[name] = value;
  return true;
}

/** The object that a field is in, made if it is not there yet. */
export function parentOf(input: RecordInput, { path }: Field): RecordInput {
  let at = input;
  for (let level = 0; level < path.length - 1; level++) {
    const name = path[level]!;
    at[name] ??= {};
    at = at[name] as RecordInput;
  }
  return at;
}
