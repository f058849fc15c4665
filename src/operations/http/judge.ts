import type { HttpAnswer } from '../../core/http.ts';
import { failed, type RecordResult, shortened, succeeded, tryAgain } from '../../core/result.ts';
import { AnswerBody, type AnswerPath, answerPath } from './answer-body.ts';
import { type ReadAnswer, readsBodyOf, type Test, testOf } from './conditions.ts';
import { at } from './definition-error.ts';
import type { Condition, FailureRule, HttpDefinition } from './definition-schema.ts';
import type { HttpFailureCode } from './failures.ts';
import type { OutputMap } from './output-map.ts';
import type { Redactor } from './redact.ts';
import { retryAfterSeconds } from './retry-after.ts';

type Output = Record<string, unknown>;

/** Answers after which the same request may well succeed (RFC 9110, RFC 8470, RFC 6585). */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
/** A gateway says that it does not know what the server behind it made of the request. */
const UNCERTAIN = new Set([502, 504]);
/** Of an output, as JSON. The outputs of a chunk are kept together until all of its records have one. */
const LARGEST_OUTPUT = 65_536;
const DENIED = new Set([401, 403, 407]);

interface OwnFailure extends Omit<FailureRule, 'when' | 'message_from'> {
  holds: Test;
  from: AnswerPath | undefined;
}

/** Tells what an answer means: by the operation’s rules for failures, retries and success, in this order, then by ours. */
export class Judge {
  readonly #failures: OwnFailure[];
  readonly #retries: Test[];
  readonly #successes: Test[] | undefined;
  /** Of which statuses the rules for success look at the body, and those for failures and retries. */
  readonly #judgedByBody: ((status: number) => boolean)[];
  readonly #lookedInto: ((status: number) => boolean)[];
  readonly #output: OutputMap;
  readonly #redactor: Redactor;
  readonly #maxBytes: number;

  /** @throws {DefinitionError} */
  constructor(
    rules: Pick<HttpDefinition, 'failure' | 'retry' | 'success'>,
    parts: { output: OutputMap; redactor: Redactor; maxBytes: number },
  ) {
    this.#failures = (rules.failure ?? []).map(({ when, message_from, ...rule }, index) => ({
      ...rule,
      holds: at(['failure', index, 'when'], () => testOf(when)),
      from: message_from === undefined ? undefined : answerPath(message_from),
    }));
    const tests = (name: string) => (one: Condition, index: number) => at([name, index], () => testOf(one));
    this.#retries = (rules.retry ?? []).map(tests('retry'));
    this.#successes = rules.success?.map(tests('success'));
    this.#judgedByBody = (rules.success ?? []).map(readsBodyOf);
    const conditions = [...(rules.retry ?? []), ...(rules.failure ?? []).map(({ when }) => when)];
    this.#lookedInto = conditions.map(readsBodyOf);
    this.#output = parts.output;
    this.#redactor = parts.redactor;
    this.#maxBytes = parts.maxBytes;
  }

  resultOf({ status, headers, body, unread }: HttpAnswer): RecordResult<Output> {
    const answer = { status, headers, body: new AnswerBody(body) };
    if (isGood(status)) {
      const failure = unread === undefined ? this.#unreadable(answer) : this.#notRead(status, unread);
      if (failure !== undefined) return failure;
    }
    const own = this.#failures.find(({ holds }) => holds(answer));
    if (own !== undefined) return this.#ownFailure(own, answer);
    if (this.#retries.some((holds) => holds(answer))) return again(answer);
    const good = this.#successes?.some((holds) => holds(answer)) ?? isGood(status);
    if (good) return this.#succeeded(answer);
    return PASSING.has(status) ? again(answer) : refused(status);
  }

  #succeeded(answer: ReadAnswer): RecordResult<Output> {
    const output = this.#output.outputOf(answer, this.#redactor);
    if (Buffer.byteLength(JSON.stringify(output)) <= LARGEST_OUTPUT) return succeeded(output);
    const message = `the server answered ${answer.status} with an output of more than ${LARGEST_OUTPUT} bytes; it may have taken effect; take less of the answer into response.output`;
    return fail('response_too_large', message);
  }

  #notRead(status: number, unread: NonNullable<HttpAnswer['unread']>): RecordResult<never> | undefined {
    const rules = [...this.#judgedByBody, ...this.#lookedInto];
    if (!this.#output.readsBody && !rules.some((reads) => reads(status))) return undefined;
    const may = 'it may have taken effect';
    return unread === 'too_large'
      ? fail(
          'response_too_large',
          `the server answered ${status} with more than ${this.#maxBytes} bytes; ${may}; raise the operation’s response.max_bytes`,
        )
      : fail(
          'response_malformed',
          `the server answered ${status} in an encoding that was not asked for; ${may}`,
        );
  }

  #unreadable({ status, headers, body }: ReadAnswer): RecordResult<never> | undefined {
    if (body.empty || !this.#needsJson(status, headers) || body.json !== undefined) return undefined;
    const message = `the server answered ${status}, but no JSON`;
    // Where its length was not told, nobody can tell a body that was cut off from one that is wrong.
    const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    return framed
      ? fail('response_malformed', `${message}; it may have taken effect`)
      : tryAgain('response_malformed', message, { uncertain: true });
  }

  /** What is only looked into, for what would make it a failure, may be something else if it does not say it is JSON. */
  #needsJson(status: number, headers: ReadAnswer['headers']): boolean {
    if (this.#output.readsJson || this.#judgedByBody.some((reads) => reads(status))) return true;
    return /json/i.test(headers['content-type'] ?? '') && this.#lookedInto.some((reads) => reads(status));
  }

  #ownFailure({ code, message, from, field }: OwnFailure, { body }: ReadAnswer): RecordResult<never> {
    const more = from === undefined ? undefined : body.at(from);
    const told =
      typeof more === 'string'
        ? shortened(
            this.#redactor
              .text(more)
              .replace(/[\s\p{Cc}]+/gu, ' ')
              .trim(),
          )
        : '';
    return failed(code, told === '' ? message : `${message}: ${told}`, field);
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function fail(code: HttpFailureCode, message: string): RecordResult<never> {
  return failed(code, message);
}

function again({ status, headers }: ReadAnswer): RecordResult<never> {
  const seconds = retryAfterSeconds(headers);
  const asked = seconds !== undefined && (status === 429 || status === 503);
  const target = { ...(status >= 500 && { down: true }), ...(asked && { waitSeconds: seconds }) };
  const code: HttpFailureCode = status === 429 ? 'http_throttled' : 'http_unavailable';
  const message =
    status === 429
      ? 'the server answered 429, too many requests; lower the operation’s rate or concurrency'
      : `the server answered ${status}; send the record again when it is well`;
  return tryAgain(code, message, {
    ...(seconds !== undefined && { afterSeconds: seconds }),
    ...(UNCERTAIN.has(status) && { uncertain: true }),
    ...(Object.keys(target).length > 0 && { target }),
  });
}

function refused(status: number): RecordResult<never> {
  const answered = `the server answered ${status}`;
  if (isGood(status))
    return fail('http_rejected', `${answered}, but not what the operation counts as success`);
  if (status < 400)
    return fail('http_redirected', `${answered}; redirects are not followed: mend the operation’s URL`);
  if (DENIED.has(status))
    return fail('http_rejected', `${answered}; check the operation’s secrets, and what they allow`);
  return fail(
    'http_rejected',
    `${answered}; mend the record, or add a rule for this answer to the operation`,
  );
}
