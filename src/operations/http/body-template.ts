import { wrong } from './definition-error.ts';
import type { RequestDefinition } from './definition-schema.ts';
import {
  filledIn,
  givenBy,
  isTemplated,
  onlyReference,
  type Piece,
  type Scope,
  type TemplateReader,
} from './template.ts';

type Body = NonNullable<RequestDefinition['body']>;

export interface BodyTemplate {
  contentType: string;
  render(scope: Scope): string;
}

/** @throws {DefinitionError} */
export function bodyTemplate(body: Body, templates: TemplateReader): BodyTemplate {
  const path = ['request', 'body'];
  const given = (['json', 'form', 'text'] as const).filter((kind) => Object.hasOwn(body, kind));
  if (given.length !== 1) throw wrong(path, 'must have one of json, form and text');
  if (!/^[\t\x20-\x7e]*$/.test(body.content_type ?? ''))
    throw wrong([...path, 'content_type'], 'must be a media type such as application/xml');
  const of = (contentType: string, render: BodyTemplate['render']) => ({
    contentType: body.content_type ?? contentType,
    render,
  });
  if (given[0] === 'json') {
    const node = jsonNode(body.json, templates, [...path, 'json']);
    return of('application/json', (scope) => JSON.stringify(node(scope) ?? null));
  }
  if (given[0] === 'form') {
    const fields = Object.entries(body.form!).map(([name, text]): [string, Piece[]] => [
      name,
      templates.read(text, [...path, 'form', name]),
    ]);
    return of('application/x-www-form-urlencoded', (scope) => renderedForm(fields, scope));
  }
  const text = templates.read(body.text!, [...path, 'text'], 'text');
  return of('text/plain; charset=utf-8', (scope) => filledIn(text, scope));
}

function renderedForm(fields: readonly [string, Piece[]][], scope: Scope): string {
  const form = new URLSearchParams();
  for (const [name, value] of fields) {
    const only = onlyReference(value);
    if (only === undefined || givenBy(only, scope) !== undefined) form.append(name, filledIn(value, scope));
  }
  return form.toString();
}

/** Makes a value of JSON; `undefined` is left out of what it would be in. */
type JsonNode = (scope: Scope) => unknown;

/** A text that is one template takes the value with its type; within longer text it becomes text. */
function jsonNode(value: unknown, templates: TemplateReader, path: (string | number)[]): JsonNode {
  if (typeof value === 'string') {
    const pieces = templates.read(value, path);
    const only = onlyReference(pieces);
    if (only !== undefined) return (scope) => givenBy(only, scope);
    return isTemplated(pieces) ? (scope) => filledIn(pieces, scope) : () => value;
  }
  if (Array.isArray(value)) {
    const items = value.map((item, index) => jsonNode(item, templates, [...path, index]));
    return (scope) => items.map((item) => item(scope)).filter((item) => item !== undefined);
  }
  if (typeof value !== 'object' || value === null) return () => value;
  const members = Object.entries(value).map(([name, inner]): [string, JsonNode] => {
    if (name.includes('{{')) throw wrong([...path, name], 'may have no template in a name, only in values');
    return [name, jsonNode(inner, templates, [...path, name])];
  });
  return (scope) => Object.fromEntries(members.map(([name, member]) => [name, member(scope)]));
}
