import type { HttpFailure } from '../../core/http.ts';
import { failed, type RecordResult, tryAgain } from '../../core/result.ts';

/** With what a record of any HTTP operation can fail, besides the codes of the operation’s own rules. */
export const HTTP_FAILURES = {
  request_invalid: 'A value of the record cannot be put into the request',
  address_refused: 'The address of the server is not public, and not among those that are allowed',
  http_rejected: 'The server refused the request',
  http_redirected: 'The server answered with a redirect, which is not followed',
  http_throttled: 'The server asked for fewer requests, until all attempts were used up',
  http_unavailable: 'The server could not be reached, or failed, until all attempts were used up',
  response_too_large: 'The answer is larger than allowed; the request may have taken effect',
  response_malformed: 'The answer could not be read; the request may have taken effect',
} as const;

export type HttpFailureCode = keyof typeof HTTP_FAILURES;

/** What becomes of a record whose request got no complete answer. */
export function resultOfFailure(failure: HttpFailure): RecordResult<never> {
  const { trouble, message, perhapsSent } = failure;
  if (trouble === 'not_a_request') return failed('request_invalid', `it cannot be sent: ${message}`);
  if (trouble === 'address_refused')
    return failed('address_refused', `${message}; if it is meant, add it to the operation’s allow_private`);
  const code: HttpFailureCode = trouble === 'malformed' ? 'response_malformed' : 'http_unavailable';
  return tryAgain(code, message, { ...(perhapsSent && { uncertain: true }), target: { down: true } });
}
