import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial } from 'node:net';

/**
 * The way to a PostgreSQL server that goes away for good as soon as it has said something.
 * @param after what it says (wire protocol, version 3)
 * @returns the URL of that way
 */
export async function serverThatLeaves(url: string, after: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  const server = createServer((client) => {
    const upstream = dial(Number(port), hostname);
    client.pipe(upstream);
    upstream.on('data', (data) => {
      client.write(data);
      if (!data.includes(after)) return;
      server.close();
      client.destroy();
    });
    for (const [one, two] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => two.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const way = new URL(url);
  way.port = String((server.address() as AddressInfo).port);
  return way.href;
}
