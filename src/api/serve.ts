import type { FastifyInstance } from 'fastify';
import { openAuthenticator } from '../engine/authenticate.ts';
import type { Services } from '../services.ts';
import { buildApi } from './app.ts';
import type { EdgeSettings } from './edge-settings.ts';

interface ServeOptions {
  adminKey: string | undefined;
  host: string;
  port: number;
  edge?: Partial<EdgeSettings>;
  /** How long requests that are under way may go on once it is told to stop. */
  drainSeconds?: number;
}

const DRAIN_SECONDS = 20;

/**
 * Serves the API.
 * @throws {Error} when the port is taken, saying what to set
 */
export async function serveApi(
  services: Services,
  options: ServeOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const authenticator = openAuthenticator({
    ...services,
    adminKey: options.adminKey,
    limits: services.settings.accountLimits,
  });
  const app = await buildApi({ ...services, authenticator, edge: options.edge ?? {} });
  try {
    const url = await app.listen({ host: options.host, port: options.port });
    return { url, close: () => closeWithin(app, options.drainSeconds ?? DRAIN_SECONDS) };
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${options.port} is taken: stop what uses it, or set SHEAF_PORT`, { cause: error });
  }
}

/** Takes no more requests, and answers those that it has: but no client keeps the process longer than this. */
async function closeWithin(app: FastifyInstance, seconds: number): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), seconds * 1000);
  try {
    await app.close();
  } finally {
    clearTimeout(late);
  }
}
