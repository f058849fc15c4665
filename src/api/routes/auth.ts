import type { FastifyRequest } from 'fastify';
import { DEFAULT_ACCOUNT } from '../../core/default-account.ts';
import { refreshSession } from '../../engine/refresh-session.ts';
import { type SignedIn, signIn } from '../../engine/sign-in.ts';
import { signOut } from '../../engine/sign-out.ts';
import { actorOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { callerOf } from '../plugins/access.ts';
import {
  RefreshRequestSchema,
  SignedInSchema,
  type SignedInView,
  SignInRequestSchema,
} from '../schemas/auth.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

/** Anybody may send one here: three names fit, and nothing that is long to read. */
const LARGEST_BODY = 8 * 1024;

const LONGEST_USER_AGENT = 256;

export function authRoutes(app: ApiInstance, services: ApiServices): void {
  postToken(app, services);
  postRefresh(app, services);
  postSignOut(app, services);
}

const OF_TOKENS = `Answers a token that is valid for some minutes, and a refresh token that prolongs the session.

What is wrong is not told: neither whether there is such an account or user, nor whether it is disabled. After some wrong passwords the name is locked at this address for half a minute, then for longer each time; \`Retry-After\` says for how long.`;

function postToken(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/auth/token',
    {
      bodyLimit: LARGEST_BODY,
      config: { permission: null, errors: ['sign_in_failed', 'sign_in_locked', 'account_suspended'] },
      schema: {
        operationId: 'signIn',
        tags: ['Access'],
        summary: 'Sign in with a name and a password',
        description: OF_TOKENS,
        querystring: NoQuery,
        body: reference(SignInRequestSchema),
        response: { 200: answer('The tokens', SignedInSchema) },
      },
    },
    async (request): Promise<SignedInView> => {
      const { username, password, account = DEFAULT_ACCOUNT } = request.body;
      const userAgent = request.headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null;
      const from = { ...placeOf(request), userAgent };
      return signedInView(await signIn(services, { account, user: username, password }, from));
    },
  );
}

function postRefresh(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/auth/refresh',
    {
      bodyLimit: LARGEST_BODY,
      config: { permission: null, errors: ['refresh_token_invalid', 'account_suspended'] },
      schema: {
        operationId: 'refreshToken',
        tags: ['Access'],
        summary: 'Exchange a refresh token for the next token',
        description:
          'A refresh token is used up by it, and the answer has the next one. One that comes a second time ends its session, since two have it then: send one request at a time, and keep the answer before you go on.',
        querystring: NoQuery,
        body: reference(RefreshRequestSchema),
        response: { 200: answer('The tokens', SignedInSchema) },
      },
    },
    async (request): Promise<SignedInView> =>
      signedInView(await refreshSession(services, request.body.refresh_token, placeOf(request))),
  );
}

function postSignOut(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/auth/sign-out',
    {
      bodyLimit: LARGEST_BODY,
      config: { permission: 'anyone', errors: ['forbidden'] },
      schema: {
        operationId: 'signOut',
        tags: ['Access'],
        summary: 'End the session',
        description:
          'Its tokens and its refresh token are refused from the next request on. An API key has no session: it is revoked.',
        querystring: NoQuery,
        response: { 204: { description: 'It has ended', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      await signOut(services, callerOf(request).sessionId, actorOf(request));
      reply.code(204);
    },
  );
}

function placeOf({ ip, id }: FastifyRequest): { ip: string; requestId: string } {
  return { ip, requestId: id };
}

function signedInView(signedIn: SignedIn): SignedInView {
  return {
    token: signedIn.token,
    token_type: 'Bearer',
    expires_ts: milliseconds(signedIn.expiresAt),
    refresh_token: signedIn.refreshToken,
    refresh_expires_ts: milliseconds(signedIn.refreshExpiresAt),
  };
}
