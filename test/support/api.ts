import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { buildApi } from '../../src/api/app.ts';
import { testCaller } from './caller.ts';
import type { TestSheaf } from './sheaf.ts';

/** The HTTP API of a test's Sheaf, on its real parts, without a port. Whoever calls names an account, and may do all. */
export interface TestApi {
  app: FastifyInstance;
  request(options: InjectOptions & { account?: string }): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

export async function openTestApi(sheaf: Pick<TestSheaf, 'services' | 'caller'>): Promise<TestApi> {
  const app = await buildApi({
    ...sheaf.services,
    authenticator: {
      authenticate: async (authorization) =>
        authorization === undefined ? null : testCaller({ accountId: authorization }),
    },
  });
  return {
    app,
    request: ({ account = sheaf.caller.accountId, headers, ...options }) =>
      app.inject({ ...options, headers: { authorization: account, ...headers } }),
    close: () => app.close(),
  };
}
