import { HttpFailure } from '../../core/http.ts';
import { AddressRefused } from './connector.ts';

const NOT_RESOLVED = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NONAME', 'ENODATA', 'ETIMEOUT']);
const LATE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const MALFORMED = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']);
const NO_REQUEST = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** @param begun whether a byte of the request may have left */
export function asFailure(error: unknown, host: string, begun: boolean): HttpFailure {
  const { name, code = name } = error as NodeJS.ErrnoException;
  const failure = (...[trouble, message]: ConstructorParameters<typeof HttpFailure>) =>
    new HttpFailure(trouble, message, { cause: error });
  if (NO_REQUEST.has(code)) return failure('not_a_request', 'the request is not well-formed');
  if (!begun) {
    if (error instanceof AddressRefused) return failure('address_refused', error.message);
    if (NOT_RESOLVED.has(code)) return failure('not_resolved', `the name ${host} was not found (${code})`);
    return failure('not_connected', `no connection to ${host} (${code})`);
  }
  if (LATE.has(code)) return failure('no_answer', `${host} did not answer in time`);
  if (MALFORMED.has(code) || name === 'HTTPParserError')
    return failure('malformed', `${host} answered something that is not HTTP (${code})`);
  return failure('cut_off', `${host} closed the connection before its answer was complete (${code})`);
}
