import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type FieldErrorCode, type FieldProblem, invalidRequest, RequestError } from '../core/errors.ts';
import { withLiterals } from '../formats/ndjson/literals.ts';
import { memberPointer } from './member-pointer.ts';
import { MOST_ERRORS } from './problem.ts';
import { repeatedNames } from './repeated-names.ts';
import { type TextFault, textFault } from './text-fault.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is a record, which is read as those of a file are: it stays as it was sent. */
    record?: boolean;
  }
}

/** A body that is a record. Its members tell two of them apart, whatever their blanks and the order of their keys. */
export class RecordBody {
  readonly #text: string;
  readonly given: unknown;
  /** With its numbers as they are written: `1.0` is not `1`. */
  readonly written: unknown;

  /** @param text well-formed JSON */
  constructor(text: string) {
    this.#text = text;
    this.given = JSON.parse(text);
    this.written = withLiterals(text);
  }

  get text(): string {
    return this.#text;
  }
}

/** Deeper than anyone means it, and shallow enough for every recursive function that meets the value later. */
const DEEPEST = 32;

/** Takes bodies of JSON and nothing else, so that all other content types are answered with 415. */
export function takeJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      refuseEncoded(request.headers['content-encoding']);
      return request.routeOptions.config.record ? recordBody(body) : parseJsonBody(body);
    },
  );
}

/** Bytes that are compressed would only be told to be no JSON, which helps nobody. */
function refuseEncoded(encoding = ''): void {
  if (['', 'identity'].includes(encoding.trim().toLowerCase())) return;
  throw new RequestError('unsupported_media_type', 'send the body uncompressed, without Content-Encoding');
}

/** @throws {RequestError} malformed_json */
function recordBody(body: Buffer): RecordBody {
  const text = textOf(body);
  parse(text);
  return new RecordBody(text);
}

/**
 * Reads a body, and refuses what JSON can say but what could not be stored or handed on as it is: PostgreSQL keeps
 * neither NUL nor half a surrogate pair, JavaScript no number of more than 53 bits, and an object no name twice.
 * @throws {RequestError} malformed_json, invalid_request
 */
export function parseJsonBody(body: Buffer): unknown {
  const text = textOf(body);
  const value = parse(text);
  const problems: FieldProblem[] = [];
  collect(value, '', 1, problems);
  problems.push(...repeatedNames(text, DEEPEST));
  if (problems.length > 0) throw invalidRequest(...problems);
  return value;
}

function textOf(body: Buffer): string {
  if (body.length === 0) {
    const detail = 'the body is empty; send a JSON object, or leave the Content-Type header out';
    throw new RequestError('malformed_json', detail);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new RequestError(
      'malformed_json',
      'the body is not UTF-8; JSON is sent in UTF-8 whatever its charset says',
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new RequestError('malformed_json', `the body cannot be read as JSON: ${error.message}`);
  }
}

function collect(value: unknown, pointer: string, depth: number, problems: FieldProblem[]): void {
  if (problems.length >= MOST_ERRORS) return;
  const problem = (code: FieldErrorCode, message: string) => problems.push({ pointer, code, message });

  if (typeof value === 'string') {
    const fault = textFault(value);
    if (fault !== null) problem(fault.code, fault.message);
  } else if (typeof value === 'number') {
    if (isKeptExactly(value) || !mayBeText(pointer)) return;
    problem('too_precise', 'is a number that cannot be kept exactly; send it as a string');
  } else if (typeof value === 'object' && value !== null) {
    if (depth > DEEPEST) problem('too_deep', `is nested deeper than ${DEEPEST} levels`);
    else collectMembers(value, pointer, depth, problems);
  }
}

function isKeptExactly(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** The fields of the API itself take no text for a number; their schemas say how large one may be. */
function mayBeText(pointer: string): boolean {
  return pointer.startsWith('/metadata/') || pointer.startsWith('/settings/');
}

function collectMembers(value: object, pointer: string, depth: number, problems: FieldProblem[]): void {
  for (const [key, member] of Object.entries(value)) {
    const at = memberPointer(pointer, key);
    const fault = nameFault(key);
    if (fault !== null) problems.push({ pointer: at, ...fault });
    collect(member, at, depth + 1, problems);
    if (problems.length >= MOST_ERRORS) return;
  }
}

function nameFault(key: string): TextFault | null {
  // Harmless as JSON.parse leaves it, but one assignment further on it is the prototype of an object.
  if (key === '__proto__') return { code: 'reserved_name', message: 'is a name that no key may have' };
  const fault = textFault(key);
  return fault === null ? null : { ...fault, message: `its name ${fault.message}` };
}
