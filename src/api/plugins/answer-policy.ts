import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import { RequestError } from '../../core/errors.ts';
import { connectionLimits, cutOffSlowReader } from '../connection-limits.ts';
import type { EdgeSettings } from '../edge-settings.ts';

/** A browser that has once come by HTTPS stays with it for a year. Not of subdomains: those are others' to decide on. */
const HSTS = 'max-age=31536000';

/** More lines than any client or chain of proxies writes. */
const MOST_HEADERS = 100;

/**
 * What browsers may do with an answer: nothing, as it is data; the pages of the docs have a policy of their own
 * (plugins/openapi.ts). And what no request may bring, nor a reader do.
 */
export async function guardAnswers(
  app: FastifyInstance,
  { connections }: Partial<EdgeSettings>,
): Promise<void> {
  const { readerMs } = connectionLimits(connections);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    xFrameOptions: { action: 'deny' },
    // Only over HTTPS it means anything, see below.
    strictTransportSecurity: false,
    // Every answer has it, also one that comes before there is a route (answer-headers.ts).
    xContentTypeOptions: false,
  });

  app.addHook('onRequest', async (request, reply) => {
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS);
    checkHeaders(request.raw.rawHeaders);
  });

  app.addHook('onSend', async (_request, reply) => cutOffSlowReader(reply.raw, readerMs));
}

/**
 * @param lines name, value, name, value
 * @throws {RequestError} malformed_request
 */
function checkHeaders(lines: readonly string[]): void {
  if (lines.length > 2 * MOST_HEADERS) {
    throw new RequestError('malformed_request', `there are more than ${MOST_HEADERS} headers`);
  }
  // A proxy may have looked at another of them than we would (RFC 9112, section 3.2).
  const hosts = lines.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length > 1) throw new RequestError('malformed_request', 'the Host header is given twice');
}
