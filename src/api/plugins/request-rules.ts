import type { FastifyInstance } from 'fastify';
import { invalidRequest, RequestError } from '../../core/errors.ts';
import { answerHeaders } from '../answer-headers.ts';
import { checkIdempotencyKey } from '../idempotency.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may be left out; that is the same as an empty object. */
    optionalBody?: boolean;
  }
}

/** What holds for every request, whatever its route. */
export function addRequestRules(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });

  // Node would answer a bare 417 by itself.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(answerHeaders(request.id));
    if (closing) {
      reply.header('connection', 'close');
      throw new RequestError('unavailable', 'this server is stopping; send the request again');
    }
    checkExpectation(request.headers.expect);
  });

  // A request that is under way when the server stops must not keep its connection open afterwards: closing waits for it.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });

  app.addHook('preValidation', async (request) => {
    if (request.is404) return;
    checkIdempotencyKey(request);
    if (request.body === undefined && request.routeOptions.config.optionalBody) request.body = {};
    if (request.body !== undefined && request.routeOptions.schema?.body === undefined) {
      throw invalidRequest({ pointer: '', code: 'not_allowed', message: 'must be left out here' });
    }
  });
}

/** Before the body is read: whoever expects something waits with it. */
function checkExpectation(expect: string | undefined): void {
  if (expect === undefined || CONTINUE.test(expect)) return;
  const message = 'must be left out, or be 100-continue';
  throw invalidRequest({ pointer: 'header:Expect', code: 'unknown_header', message });
}

/** As Node looks for it. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;
