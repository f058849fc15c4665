import { setTimeout as delay } from 'node:timers/promises';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './launch.ts';

export interface KeptUp {
  url: string;
  port: number;
  /** Stops it for good; may take as long as a start that is under way. */
  close(): Promise<void>;
}

export interface Attendance {
  /** Called with every start. */
  started: (pid: number) => void;
  /** That it ended by itself, and each start that failed since. */
  trouble: (what: string, error?: unknown) => void;
}

const LONGEST_WAIT_MS = 15_000;

/**
 * As `startEmbeddedPostgres`, but a server that ends by itself is started again, on the same port, as often as it takes:
 * on a full disk PostgreSQL ends, and recovers as soon as there is room. Its clients see a server that is away.
 * @throws Error when the first start fails
 */
export async function keepPostgresUp(
  options: EmbeddedPostgresOptions,
  attendance: Attendance,
): Promise<KeptUp> {
  let server = await startEmbeddedPostgres(options);
  attendance.started(server.pid);
  const { url, port } = server;
  const closing = new AbortController();
  const { signal } = closing;

  const startAgain = async (): Promise<EmbeddedPostgres> => {
    const next = await startEmbeddedPostgres({ ...options, port });
    if (next.port === port) return next;
    await next.close();
    throw new Error(`its port ${port} is taken by another program`);
  };
  const attend = async () => {
    while (!signal.aborted) {
      const { code, signal: by } = await server.exited;
      await server
        .close()
        .catch((error: unknown) => attendance.trouble('PostgreSQL left its log open', error));
      if (signal.aborted) return;
      attendance.trouble(`PostgreSQL ended by itself (${by ?? code}); it is started again`);
      for (let waitMs = 500; !signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        try {
          server = await startAgain();
          attendance.started(server.pid);
          break;
        } catch (error) {
          attendance.trouble('PostgreSQL could not be started again; it is tried once more', error);
        }
      }
    }
  };
  const attended = attend();
  return {
    url,
    port,
    close: async () => {
      closing.abort();
      // One that is being started is stopped when it is up.
      await Promise.all([server.close(), attended]);
      await server.close();
    },
  };
}
