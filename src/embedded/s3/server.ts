import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { lockDirectory } from '../directory-lock.ts';
import { answerBrokenRequest } from './broken-requests.ts';
import { type ConnectionLimits, connectionLimits } from './connection-limits.ts';
import { makeDirectory } from './directories.ts';
import { type DispatchSettings, dispatch, type Expectation } from './dispatch.ts';
import { Store } from './store.ts';

export interface S3ServerOptions {
  directory: string;
  /** 127.0.0.1 */
  host?: string;
  /** 0 = any free */
  port: number;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  corsOrigins?: readonly string[];
  /** How much is left free on the disk for others: with less, what would be stored is refused. 0: all is taken. */
  reservedBytes?: number;
  /** Other limits than those that it has (connection-limits.ts). */
  limits?: Partial<ConnectionLimits>;
  now?: () => Date;
}

export interface S3Server {
  /** http://127.0.0.1:PORT */
  endpoint: string;
  port: number;
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 5000;

/**
 * Starts an S3 server on a directory of the local disk, which it makes if need be and holds for itself alone.
 * Every request must be signed with the one pair of credentials. Faults that no client can be told about are
 * emitted as process warnings of the type `EmbeddedS3Warning`.
 * @throws Error when the port is taken, another server has the directory, or what is in it is damaged
 */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const { region, credentials, corsOrigins = [], now = () => new Date() } = options;
  const host = options.host ?? '127.0.0.1';
  const directory = resolve(options.directory);
  await makeDirectory(directory);
  const lock = await lockDirectory(directory);
  let store: Store;
  try {
    store = await Store.open(directory, options.reservedBytes);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const running = new Set<Promise<void>>();
  const limits = connectionLimits(options.limits);
  const listener = createListener({ region, credentials, now, store, corsOrigins, limits }, running);
  try {
    await listener.listen(options.port, host);
  } catch (error) {
    await store.close();
    await lock.release();
    throw error;
  }
  const { port } = listener.address();
  let closing: Promise<void> | undefined;
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: () => {
      closing ??= (async () => {
        await listener.close();
        await store.close();
        await lock.release();
      })();
      return closing;
    },
  };
}

/** The HTTP side: its limits, and an orderly end. */
function createListener(settings: DispatchSettings, running: Set<Promise<void>>) {
  const { limits } = settings;
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    connectionsCheckingInterval: limits.checkMs,
    // A whole upload may take hours; that it moves is looked at where it is read.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
  });
  server.timeout = limits.idleMs;
  server.maxConnections = limits.connections;
  let closing = false;
  // Of pipelined requests the last is answered last.
  const busy = new WeakMap<Duplex, Promise<void>>();
  const on =
    (expectation: Expectation) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      if (closing) response.setHeader('connection', 'close');
      const work = dispatch(settings, request, response, expectation);
      running.add(work);
      busy.set(request.socket, work);
      void work.finally(() => {
        running.delete(work);
        if (busy.get(request.socket) === work) busy.delete(request.socket);
      });
    };
  server.on('request', on('none')).on('checkContinue', on('continue')).on('checkExpectation', on('unknown'));
  server.on('clientError', (error, socket) => answerBrokenRequest(error, socket, busy.has(socket)));
  return {
    address: () => server.address() as AddressInfo,
    listen: (port: number, host: string) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    async close(): Promise<void> {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_GRACE_MS);
      });
      await Promise.race([Promise.all(running), grace]);
      clearTimeout(timer);
      server.closeAllConnections();
      // Handlers whose connection was cut still remove their files.
      await Promise.all(running);
      await closed;
    },
  };
}
