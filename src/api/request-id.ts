import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TrustsProxy } from './trusted-proxies.ts';

/** Nothing that a log, a header or a page would read as anything but a name. */
const GIVEN = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Names requests: as the proxy before us has named them, so that both logs tell of the same one, or anew. What anybody
 * else sends would let them pass their requests off as others.
 */
export function requestIds(trusts: TrustsProxy): (request: IncomingMessage) => string {
  return ({ headers, socket }) => {
    const given = headers['x-request-id'];
    const known = typeof given === 'string' && GIVEN.test(given) && trusts(socket.remoteAddress, 0);
    return known ? given : randomUUID();
  };
}
