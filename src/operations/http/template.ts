import type { Field } from '../../core/field.ts';
import { wrong } from './definition-error.ts';

/** What stands for a value that each record has another of. */
export type Reference =
  | { kind: 'record'; field: Field }
  | { kind: 'secret'; name: string; value: string }
  | { kind: 'key' };

/** Text as it is, or what is put in. */
export type Piece = string | Reference;

/** What templates are filled in with, for one record. */
export interface Scope {
  input: unknown;
  /** The record’s idempotency key. */
  key: string;
}

export type TemplateValue = string | number | boolean;

const KINDS = '{{record.FIELD}}, {{secret.NAME}} and {{key}}';

/** Reads the templates of one operation. Whatever is no template of ours is an error, at the start and not in a record. */
export class TemplateReader {
  readonly #fields: ReadonlyMap<string, Field>;
  readonly #secrets: ReadonlyMap<string, string>;

  constructor(fields: readonly Field[], secrets: ReadonlyMap<string, string>) {
    this.#fields = new Map(fields.map((field) => [field.name, field]));
    this.#secrets = secrets;
  }

  /**
   * @param strayBraces whether `}}` that closes nothing is text, as in JSON that is written as text, or a slip
   * @throws {DefinitionError} about `path`
   */
  read(text: string, path: readonly (string | number)[], strayBraces: 'text' | 'slip' = 'slip'): Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', at)) {
      const close = text.indexOf('}}', open);
      if (close === -1) throw wrong(path, `has {{ without }}; templates are ${KINDS}`);
      if (open > at) pieces.push(text.slice(at, open));
      pieces.push(this.#reference(text.slice(open + 2, close).trim(), path));
      at = close + 2;
    }
    if (at < text.length) pieces.push(text.slice(at));
    const stray = pieces.some((piece) => typeof piece === 'string' && piece.includes('}}'));
    if (stray && strayBraces === 'slip') throw wrong(path, `has }} without {{; templates are ${KINDS}`);
    return pieces;
  }

  #reference(name: string, path: readonly (string | number)[]): Reference {
    if (name === 'key') return { kind: 'key' };
    if (name.startsWith('record.')) {
      const field = this.#fields.get(name.slice('record.'.length));
      if (field !== undefined) return { kind: 'record', field };
      const known = [...this.#fields.keys()].join(', ');
      throw wrong(path, `has {{${name}}}, which is no field of the input; there are ${known}`);
    }
    if (name.startsWith('secret.')) {
      const secret = name.slice('secret.'.length);
      const value = this.#secrets.get(secret);
      if (value !== undefined) return { kind: 'secret', name: secret, value };
      throw wrong(path, `has {{${name}}}, which is no secret of this operation; name it under secrets`);
    }
    throw wrong(path, `has {{${name}}}; templates are ${KINDS}`);
  }
}

export function isTemplated(pieces: readonly Piece[]): boolean {
  return pieces.some((piece) => typeof piece !== 'string');
}

/** The one template that a text consists of. */
export function onlyReference(pieces: readonly Piece[]): Reference | undefined {
  const [first, ...others] = pieces;
  return others.length === 0 && typeof first === 'object' ? first : undefined;
}

/** `undefined`: the record does not give the field. */
export function givenBy(reference: Reference, scope: Scope): TemplateValue | undefined {
  if (reference.kind === 'key') return scope.key;
  if (reference.kind === 'secret') return reference.value;
  let value = scope.input;
  for (const name of reference.field.path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value === null ? undefined : (value as TemplateValue | undefined);
}

/** @param escaped what is put in, where the place needs it; what a record does not give is no text */
export function filledIn(
  pieces: readonly Piece[],
  scope: Scope,
  escaped: (text: string, reference: Reference) => string = (text) => text,
): string {
  return pieces
    .map((piece) => (typeof piece === 'string' ? piece : escaped(String(givenBy(piece, scope) ?? ''), piece)))
    .join('');
}
