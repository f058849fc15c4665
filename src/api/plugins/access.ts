import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, mayDo, PERMISSIONS, type Permission } from '../../core/access.ts';
import { RequestError } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import type { Authenticator } from '../../engine/authenticate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whoever calls the route needs it: one of the routes', or that of an operation, which has the operation's name;
     * where the path has the name, `named`. `anyone`: whoever shows a key or a token, whatever their role. `null`:
     * anybody may, without either.
     */
    permission?: Permission | { operation: string } | 'named' | typeof ANYONE | null;
  }
  interface FastifyRequest {
    /** `null` on routes that are open. */
    caller: Caller | null;
    /** When it was looked up who calls (`performance.now()`). */
    admittedAt: number;
    /** Of an answer that goes on for long: whether the same request would still be let in. */
    isStillAdmitted(): Promise<boolean>;
  }
}

/** In the place of a permission: it takes nothing but to be known here. */
export const ANYONE = 'anyone';

/**
 * A body that came later than so long after its headers was held back, or is on a slow line: meanwhile the caller may
 * have been taken what they were let in with, and could give it back to themselves.
 */
export const ADMITTED_MS = 1000;

/** Where the readable documents are: the only routes that are not ours, and so declare no permission. */
export const DOCS_PREFIX = '/docs';

/**
 * The one place where access is decided. A route that declares no permission stops the start, so none can be
 * open because somebody forgot it.
 */
export function guardRoutes(app: FastifyInstance, authenticator: Authenticator): void {
  app.decorateRequest('caller', null);
  app.decorateRequest('admittedAt', 0);

  app.addHook('onRoute', (route) => {
    if (route.url === DOCS_PREFIX || route.url.startsWith(`${DOCS_PREFIX}/`)) {
      route.config = { ...route.config, permission: null };
      return;
    }
    const permission = route.config?.permission;
    const named = permission === 'named' && route.url.includes('/:name');
    if (permission === null || permission === ANYONE || named || isOfOperation(permission)) return;
    if (!PERMISSIONS.some((known) => known === permission)) {
      const declared = permission === undefined ? 'no permission' : `the unknown permission ${permission}`;
      throw new Error(
        `route ${route.method} ${route.url} declares ${declared}: ` +
          `set config.permission to one of PERMISSIONS (core/access.ts), to ${ANYONE} if it is everybody's who is known ` +
          'here, or to null if it is open to everybody',
      );
    }
  });

  const admit = async (request: FastifyRequest): Promise<Caller> => {
    const { permission } = request.routeOptions.config;
    const caller = await authenticator.authenticate(request.headers.authorization);
    if (caller === null) throw new RequestError('unauthenticated', whatToSend(request));
    const action = permission === 'named' ? nameIn(request) : actionOf(permission);
    if (permission !== ANYONE && (action === undefined || !mayDo(caller, action))) {
      throw new RequestError('forbidden', `the role of ${caller.user} does not allow ${shortened(action)}`);
    }
    return caller;
  };

  app.addHook('onRequest', async (request) => {
    if (request.is404 || request.routeOptions.config.permission === null) return;
    request.caller = await admit(request);
    request.admittedAt = performance.now();
  });

  app.addHook('preValidation', async (request) => {
    if (request.caller === null || performance.now() - request.admittedAt < ADMITTED_MS) return;
    request.caller = await admit(request);
  });

  app.decorateRequest('isStillAdmitted', async function isStillAdmitted(this: FastifyRequest) {
    try {
      await admit(this);
      return true;
    } catch (error) {
      if (error instanceof RequestError) return false;
      throw error;
    }
  });
}

type DeclaredPermission = FastifyContextConfig['permission'];

function isOfOperation(permission: DeclaredPermission): permission is { operation: string } {
  return typeof permission === 'object' && permission !== null && permission.operation !== '';
}

/** What the role has to allow; of a route whose path names the operation that is `named`. */
export function actionOf(permission: DeclaredPermission): string | undefined {
  return isOfOperation(permission) ? permission.operation : (permission ?? undefined);
}

/** Whether there is such an operation or not: who may not run it is not told. */
function nameIn({ params }: FastifyRequest): string {
  return (params as { name: string }).name;
}

function whatToSend(request: FastifyRequest): string {
  return request.headers.authorization === undefined
    ? 'send an API key, or a token of POST /auth/token, in the header Authorization: Bearer <key or token>'
    : 'the Authorization header holds no key or token that is valid here; keys expire and are revoked, and tokens are refreshed at POST /auth/refresh';
}

/** Who calls, on a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error(`${request.routeOptions.url} is open: nobody is known there`);
  return request.caller;
}
