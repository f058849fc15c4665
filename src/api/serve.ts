import { adminKeyAuthenticator } from '../engine/authenticate.ts';
import type { Services } from '../services.ts';
import { buildApi } from './app.ts';

/**
 * Serves the API.
 * @throws {Error} when the port is taken, saying what to set
 */
export async function serveApi(
  services: Services,
  options: { adminKey: string; host: string; port: number },
): Promise<{ url: string; close(): Promise<void> }> {
  const authenticator = adminKeyAuthenticator({ key: options.adminKey, accountId: services.accountId });
  const app = await buildApi({ ...services, authenticator });
  try {
    const url = await app.listen({ host: options.host, port: options.port });
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${options.port} is taken: stop what uses it, or set SHEAF_PORT`, { cause: error });
  }
}
