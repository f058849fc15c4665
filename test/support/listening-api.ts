import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { type ApiServices, buildApi } from '../../src/api/app.ts';
import { testCaller } from './caller.ts';
import type { TestSheaf } from './sheaf.ts';

/** The HTTP API of a test's Sheaf on a port of its own: `Bearer all` may do everything, anybody else is unknown. */
export interface ListeningApi {
  app: FastifyInstance;
  port: number;
  url: string;
  /** All that was logged, as it was written. */
  logged(): string;
  close(): Promise<void>;
}

export const ALL = 'Authorization: Bearer all';

export async function listenTestApi(
  { services, caller }: Pick<TestSheaf, 'services' | 'caller'>,
  change: Partial<ApiServices> = {},
): Promise<ListeningApi> {
  const pieces: string[] = [];
  const lines = new Writable({
    write(chunk, _encoding, done) {
      pieces.push(String(chunk));
      done();
    },
  });
  const app = await buildApi({
    ...services,
    log: pino({ level: 'trace' }, lines),
    authenticator: {
      authenticate: async (authorization) =>
        authorization === 'Bearer all'
          ? testCaller({ accountId: caller.accountId, administers: true })
          : null,
    },
    ...change,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { app, port, url, logged: () => pieces.join(''), close: () => app.close() };
}
