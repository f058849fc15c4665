import { openAuthenticator } from '../engine/authenticate.ts';
import type { Services } from '../services.ts';
import { buildApi } from './app.ts';
import type { EdgeSettings } from './edge-settings.ts';

/**
 * Serves the API.
 * @throws {Error} when the port is taken, saying what to set
 */
export async function serveApi(
  services: Services,
  options: { adminKey: string | undefined; host: string; port: number; edge?: Partial<EdgeSettings> },
): Promise<{ url: string; close(): Promise<void> }> {
  const authenticator = openAuthenticator({
    ...services,
    adminKey: options.adminKey,
    limits: services.settings.accountLimits,
  });
  const app = await buildApi({ ...services, authenticator, edge: options.edge ?? {} });
  try {
    const url = await app.listen({ host: options.host, port: options.port });
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${options.port} is taken: stop what uses it, or set SHEAF_PORT`, { cause: error });
  }
}
