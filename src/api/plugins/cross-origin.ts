import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];

const ALLOWED = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'];

const EXPOSED = [
  'Location',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'X-Request-Id',
  'Idempotent-Replayed',
  'Content-Disposition',
];

/** For so long a browser does not ask again; a setting that was changed counts for everybody after it. */
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of other origins call the API, those that are named. Pages send a key or a token of their own: a browser
 * adds nothing by itself (no credentials), so no page can act as somebody who only visits it.
 */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[] = []): Promise<void> {
  if (origins.length === 0) return;
  const any = origins.includes('*');
  // The route of the plugin takes every OPTIONS that is no preflight, and answers that there is no such route. It has no
  // permission of its own, like any path that is not there (see guardRoutes).
  app.addHook('onRoute', (route) => {
    if (route.method === 'OPTIONS' && route.url === '*') route.config = { ...route.config, permission: null };
  });
  await app.register(cors, {
    delegator: ({ method, headers }, done) => {
      const { origin } = headers;
      const allowed = origin !== undefined && (any || origins.includes(origin));
      done(null, {
        origin: allowed ? (any ? '*' : origin) : false,
        methods: METHODS,
        allowedHeaders: ALLOWED,
        exposedHeaders: EXPOSED,
        maxAge: PREFLIGHT_SECONDS,
        preflight: method === 'OPTIONS' && headers['access-control-request-method'] !== undefined,
      });
    },
  });
}
