import { wrong } from './definition-error.ts';
import { RequestInvalid } from './request-invalid.ts';
import { filledIn, givenBy, onlyReference, type Piece, type Scope, type TemplateReader } from './template.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What the client decides, and what would change where a request or its body ends. */
const OURS = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** What the request has anyway, and what means something else. */
const NOT_FOR_THE_KEY = new Set(['accept', 'content-type', 'user-agent']);
/** What a header’s value may hold (RFC 9110, section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export type Headers = [name: string, value: string][];

/** Headers whose values hold templates. One that is a template alone is left out where the record does not give it. */
export class HeaderTemplates {
  readonly #headers: { name: string; value: Piece[] }[];

  /** @throws {DefinitionError} */
  constructor(
    headers: Readonly<Record<string, string>>,
    idempotencyHeader: string,
    templates: TemplateReader,
  ) {
    const names = new Set<string>();
    checkName(idempotencyHeader, ['request', 'idempotency_header']);
    if (NOT_FOR_THE_KEY.has(idempotencyHeader.toLowerCase()))
      throw wrong(
        ['request', 'idempotency_header'],
        'means something else; take a name such as Idempotency-Key',
      );
    this.#headers = Object.entries(headers).map(([name, text]) => {
      const path = ['request', 'headers', name];
      checkName(name, path);
      const lower = name.toLowerCase();
      if (names.has(lower)) throw wrong(path, 'is given twice, in other letters');
      if (lower === idempotencyHeader.toLowerCase())
        throw wrong(path, 'is sent anyway; to send the key in another header set request.idempotency_header');
      names.add(lower);
      const value = templates.read(text, path);
      if (value.some((piece) => typeof piece === 'string' && !VALUE.test(piece)))
        throw wrong(path, 'may hold no line ends and no characters outside of Latin-1');
      const secret = value.find(
        (piece) => typeof piece === 'object' && piece.kind === 'secret' && !VALUE.test(piece.value),
      );
      if (secret !== undefined)
        throw wrong(
          path,
          'has a secret with a line end or a character that no header can hold; mend the secret',
        );
      return { name, value };
    });
  }

  has(name: string): boolean {
    return this.#headers.some((header) => header.name.toLowerCase() === name.toLowerCase());
  }

  /** @throws {RequestInvalid} when a value of the record cannot be put in */
  render(scope: Scope): Headers {
    return this.#headers.flatMap(({ name, value }): Headers => {
      const only = onlyReference(value);
      if (only !== undefined && givenBy(only, scope) === undefined) return [];
      const text = filledIn(value, scope, (inner, reference) => {
        if (VALUE.test(inner)) return inner;
        throw new RequestInvalid(
          reference,
          `goes into the header ${name}, which can hold neither line ends and control characters nor characters outside of Latin-1`,
        );
      });
      return [[name, text]];
    });
  }
}

function checkName(name: string, path: string[]): void {
  if (!TOKEN.test(name)) throw wrong(path, 'is no name of a header: letters, digits and - will do');
  if (OURS.has(name.toLowerCase())) throw wrong(path, 'is set by Sheaf itself; leave it out');
}
