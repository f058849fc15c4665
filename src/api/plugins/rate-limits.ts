import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { requestLimitOf } from '../../core/account-limits.ts';
import { rateOf } from '../../engine/limits/keys.ts';
import type { ApiServices } from '../api-services.ts';
import { countSingleCall } from '../limit-single-call.ts';
import { type Counted, tellRateLimit } from '../rate-limit-headers.ts';
import { actionOf } from './access.ts';

/** As what calls are counted of operations that there are not: clients could think of any number of names. */
const OF_UNKNOWN_OPERATIONS = '*';

/**
 * Counts every request of a known caller, once it is let in and before anything else is done for it: the body is not
 * read, and no key of idempotency looked for. Open routes are not counted.
 */
export function limitRequests(
  app: FastifyInstance,
  services: Pick<ApiServices, 'requestRates' | 'limits' | 'operations'>,
): void {
  app.addHook('onRequest', async (request, reply) => {
    const { caller } = request;
    if (caller === null || request.is404) return;
    tellRateLimit(reply, await count(services, caller, request.routeOptions.config.permission));
  });
}

/** An operation's own rate is counted in the place of the general one. */
async function count(
  { requestRates, limits, operations }: Pick<ApiServices, 'requestRates' | 'limits' | 'operations'>,
  caller: Caller,
  permission: FastifyContextConfig['permission'],
): Promise<Counted> {
  const name = countedAs(permission);
  const operation = typeof permission === 'object' ? operations.get(name) : undefined;
  const ofOperation = operation === undefined ? null : await countSingleCall(limits, operation, caller);
  if (ofOperation !== null) return ofOperation;
  const rate = rateOf(requestLimitOf(caller.limits, name));
  return { name, rate, taken: await requestRates.take(`${caller.accountId}:${name}`, rate) };
}

/** What the role has to allow, or `anyone`. */
function countedAs(permission: FastifyContextConfig['permission']): string {
  const action = permission === 'named' ? OF_UNKNOWN_OPERATIONS : actionOf(permission);
  if (action === undefined) throw new Error('a caller is known only on routes that declare a permission');
  return action;
}
