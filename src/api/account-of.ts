import type { FastifyRequest } from 'fastify';
import type { AccountServices } from '../account-services.ts';
import type { Actor } from '../engine/ports/actor.ts';
import type { ApiServices } from './api-services.ts';
import { callerOf } from './plugins/access.ts';

/** The one place where a request is bound to an account: that of whoever calls, as the guard knows them. */

/** Who asks, and from where, as the audit log notes it. */
export function actorOf(request: FastifyRequest): Actor {
  const { accountId, user, principal } = callerOf(request);
  return { accountId, ownAccountId: accountId, user, principal, ip: request.ip, requestId: request.id };
}

const bound = new WeakMap<FastifyRequest, AccountServices>();

/** All that the request can reach; made once a request. */
export function accountOf(request: FastifyRequest, services: Pick<ApiServices, 'account'>): AccountServices {
  const made = bound.get(request) ?? services.account(actorOf(request));
  bound.set(request, made);
  return made;
}
