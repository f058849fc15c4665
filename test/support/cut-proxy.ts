import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A way to a server that a test can cut, as when the server or the network is away. */
export interface CutProxy {
  port: number;
  /** Ends all connections, and refuses new ones. */
  cut(): Promise<void>;
  /** Connections stay and new ones are taken, but nothing comes through any more. */
  hang(): void;
  /** Lets everything through again. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

export async function startCutProxy(to: { host: string; port: number }): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let hanging = false;
  let server: Server | undefined;

  const end = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const serve = (from: Socket) => {
    const target = dial(to.port, to.host);
    for (const [one, other] of [
      [from, target],
      [target, from],
    ] as const) {
      sockets.add(one);
      one.on('data', (data) => {
        if (!hanging) other.write(data);
      });
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  };
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server = createServer(serve).once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server!.address() as { port: number }).port));
    });
  const stop = async () => {
    const stopped = new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
    end();
    await stopped;
    server = undefined;
  };

  const port = await listen(0);
  return {
    port,
    cut: stop,
    hang: () => {
      hanging = true;
    },
    async mend() {
      // What was held back while it hung is lost, as with a connection that was cut.
      if (hanging) end();
      hanging = false;
      if (server === undefined) await listen(port);
    },
    close: stop,
  };
}
