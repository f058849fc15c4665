import { wrong } from './definition-error.ts';
import { RequestInvalid } from './request-invalid.ts';
import {
  filledIn,
  givenBy,
  isTemplated,
  onlyReference,
  type Piece,
  type Reference,
  type Scope,
} from './template.ts';

const LONGEST_URL = 16_384;
const PATH = ['request', 'url'];

/** `a` or `a=…`, between the ampersands of a query. */
interface Parameter {
  /** Up to the equals sign, which is part of it. */
  name: string;
  value: Piece[];
}

/**
 * A URL whose path and query hold templates. What a record gives stays within its segment or its parameter: it is
 * percent-encoded but for letters, digits and `-._~`, and a segment may not become `.` or `..`, which mean other paths.
 */
export class UrlTemplate {
  readonly origin: string;
  readonly #segments: Piece[][];
  readonly #query: Parameter[] | undefined;

  /** @throws {DefinitionError} */
  constructor(pieces: readonly Piece[]) {
    const [first = '', ...others] = pieces;
    const found = typeof first === 'string' ? /^https?:\/\/([^/?#\\\s]*)/i.exec(first) : null;
    if (found === null || found[1] === '')
      throw wrong(PATH, 'must begin with https:// or http:// and a host, without templates');
    const rest = (first as string).slice(found[0].length);
    if (rest === '' && others.length > 0)
      throw wrong(PATH, 'may have no template in the host and the port; put a / before it');
    this.origin = originOf(found[0], found[1]!);
    const after = rest === '' ? others : [rest, ...others];
    for (const piece of after) checkLiteral(piece);
    const [path = [], ...queries] = split(after, '?', 2);
    this.#segments = split(path, '/').slice(1);
    for (const segment of this.#segments) {
      if (!isTemplated(segment) && isDots(segment.join('')))
        throw wrong(PATH, 'may have no segment that is . or ..; write the path that is meant');
    }
    this.#query = queries[0] === undefined ? undefined : split(queries[0], '&').map(parameterOf);
  }

  /** @throws {RequestInvalid} when a value of the record cannot be put in */
  render(scope: Scope): string {
    const path = this.#segments.map((segment) => `/${renderedSegment(segment, scope)}`).join('');
    const parameters = this.#query?.flatMap((parameter) => renderedParameter(parameter, scope)) ?? [];
    const query = parameters.length === 0 ? '' : `?${parameters.join('&')}`;
    const url = `${this.origin}${path === '' ? '/' : path}${query}`;
    if (url.length > LONGEST_URL)
      throw new RequestInvalid(undefined, `the URL would be longer than ${LONGEST_URL} characters`);
    return url;
  }
}

function originOf(text: string, authority: string): string {
  if (authority.includes('@'))
    throw wrong(PATH, 'may have no user and password before the host; send them in a header, as a secret');
  if (!URL.canParse(text)) throw wrong(PATH, 'must begin with https:// or http:// and a host');
  return new URL(text).origin;
}

function checkLiteral(piece: Piece): void {
  if (typeof piece !== 'string') return;
  if (piece.includes('#')) throw wrong(PATH, 'may have no #: what follows it is never sent');
  if (/[\\\s\p{Cc}]/u.test(piece))
    throw wrong(PATH, 'may have no blanks, line ends and backslashes; write %20 for a blank');
}

/** Cuts at a character of the text, never of a template. */
function split(pieces: readonly Piece[], separator: string, most = Number.POSITIVE_INFINITY): Piece[][] {
  const parts: Piece[][] = [[]];
  for (const piece of pieces) {
    let text = piece;
    while (typeof text === 'string' && parts.length < most && text.includes(separator)) {
      const index: number = text.indexOf(separator);
      if (index > 0) parts.at(-1)!.push(text.slice(0, index));
      parts.push([]);
      text = text.slice(index + separator.length);
    }
    if (text !== '') parts.at(-1)!.push(text);
  }
  return parts;
}

function parameterOf(pieces: Piece[]): Parameter {
  const [first = '', ...others] = pieces;
  const end = typeof first === 'string' ? first.indexOf('=') : -1;
  if (end === -1) {
    if (isTemplated(pieces))
      throw wrong(PATH, 'may have templates only in the values of the query: name={{…}}');
    return { name: first as string, value: [] };
  }
  const literal = (first as string).slice(end + 1);
  return { name: (first as string).slice(0, end + 1), value: literal === '' ? others : [literal, ...others] };
}

function renderedSegment(segment: readonly Piece[], scope: Scope): string {
  const references = segment.filter((piece): piece is Reference => typeof piece !== 'string');
  for (const reference of references) {
    const value = givenBy(reference, scope);
    if (value === undefined || value === '')
      throw new RequestInvalid(reference, 'must be given: it is part of the address of the request');
  }
  const text = filledIn(segment, scope, percentEncoded);
  if (references.length > 0 && isDots(text))
    throw new RequestInvalid(
      references[0],
      'may not be "." or "..": it is part of the address of the request',
    );
  return text;
}

/** Nothing, when its value is a template alone and the record does not give it. */
function renderedParameter({ name, value }: Parameter, scope: Scope): string[] {
  const only = onlyReference(value);
  if (only !== undefined && givenBy(only, scope) === undefined) return [];
  return [`${name}${filledIn(value, scope, percentEncoded)}`];
}

/** Whether a URL’s path would lose the segment, or the one before it. */
function isDots(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment);
}

/** Everything but what RFC 3986 calls unreserved. */
function percentEncoded(text: string, reference: Reference): string {
  try {
    return encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new RequestInvalid(reference, 'holds half of a surrogate pair, which is no character');
  }
}
