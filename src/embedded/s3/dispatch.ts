import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { type AuthSettings, authenticate, type Payload } from './auth.ts';
import { hashAhead } from './body.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { readText } from './context.ts';
import { allowOrigin, answerPreflight } from './cors.ts';
import { ClientGone, S3Error, toS3Error, warn } from './errors.ts';
import { hasBody, parseRequest } from './request.ts';
import { sendError } from './responses.ts';
import { findRoute } from './routes.ts';
import { EMPTY_SHA256 } from './sigv4.ts';
import type { Store } from './store.ts';

export interface DispatchSettings extends AuthSettings {
  store: Store;
  corsOrigins: readonly string[];
  limits: ConnectionLimits;
}

/** What the client's `Expect` header asks for. */
export type Expectation = 'none' | 'continue' | 'unknown';

interface Exchange {
  http: IncomingMessage;
  response: ServerResponse;
  /** `none` once the client was told to go on. */
  expectation: Expectation;
}

/**
 * Answers one request, whatever happens: the promise resolves when the answer has left or the client is gone,
 * and rejects never.
 */
export async function dispatch(
  settings: DispatchSettings,
  http: IncomingMessage,
  response: ServerResponse,
  expectation: Expectation,
): Promise<void> {
  response.setHeader('x-amz-request-id', randomBytes(8).toString('hex').toUpperCase());
  response.setHeader('server', 'SheafS3');
  const exchange: Exchange = { http, response, expectation };
  try {
    await answer(settings, exchange);
  } catch (error) {
    await answerFailure(exchange, error);
  }
  // A connection that breaks before the answer is out rejects here: nobody is left to be told.
  await finished(response).catch(() => response.destroy());
}

async function answer(settings: DispatchSettings, exchange: Exchange): Promise<void> {
  const { http, response } = exchange;
  const allowed = allowOrigin(http, response, settings.corsOrigins);
  if (exchange.expectation === 'unknown') throw new S3Error('ExpectationFailed');
  if (http.method === 'OPTIONS') {
    answerPreflight(http, response, allowed);
    return;
  }
  const request = parseRequest(http, settings.limits);
  const sendContinue = (): void => {
    if (exchange.expectation === 'continue') response.writeContinue();
    exchange.expectation = 'none';
  };
  const payload = await authenticate(request, settings, () => hashAhead(request, sendContinue));
  const route = findRoute(request);
  const { store, region, now } = settings;
  const context = { request, response, payload, store, region, now, sendContinue };
  if (!route.readsBody) {
    // The body of an operation that has none still is what was signed.
    if (hasBody(request)) await readText(context);
    else checkEmpty(payload);
  }
  await route.handler(context);
}

function checkEmpty(payload: Payload): void {
  if (payload.kind === 'sha256' && payload.hex !== EMPTY_SHA256)
    throw new S3Error('XAmzContentSHA256Mismatch');
}

async function answerFailure({ http, response, expectation }: Exchange, error: unknown): Promise<void> {
  if (error instanceof ClientGone) {
    response.destroy();
    return;
  }
  const { answer: refusal, unexpected } = toS3Error(error);
  if (unexpected) warn(`${http.method} ${http.url?.split('?')[0]} failed`, error);
  if (response.headersSent || response.destroyed) {
    // Half an object cannot be taken back; a connection cut before Content-Length is reached says so.
    response.destroy();
    return;
  }
  try {
    await sendError(http, response, refusal, expectation === 'none');
  } catch (sendingError) {
    warn('an error could not be answered', sendingError);
    response.destroy();
  }
}
