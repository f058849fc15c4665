import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Lifeline } from './lifeline.ts';

/** A way to a server that speaks HTTP, which counts requests. @returns the address that the process is given */
export async function openHttpLine(lifeline: Lifeline, url: string): Promise<{ url: string; close(): void }> {
  const to = new URL(url);
  const server = createServer((asked, answer) => pass(lifeline, to, asked, answer));
  server.on('connection', (socket) => lifeline.hold(socket));
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  void lifeline.died.then(close);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close };
}

/** Headers go as they are: the request is signed, for the address that the process knows. */
function pass(lifeline: Lifeline, to: URL, asked: IncomingMessage, answer: ServerResponse): void {
  const { method = 'GET', url: path = '/' } = asked;
  const fate = lifeline.begins(`${method} ${path}`);
  if (fate === 'lost') return void asked.socket.destroy();
  const forward = request({
    ...{ host: to.hostname, port: to.port, method, path, agent: false, setDefaultHeaders: false },
    headers: asked.rawHeaders as unknown as Record<string, string>,
  });
  forward.on('socket', (socket) => lifeline.hold(socket));
  forward.on('error', () => asked.socket.destroy());
  forward.on('response', (answered) => {
    if (fate === 'last') return lifeline.cut();
    answer.writeHead(answered.statusCode ?? 500, answered.rawHeaders);
    answered.pipe(answer);
    answered.on('error', () => answer.destroy());
  });
  asked.on('error', () => forward.destroy());
  asked.pipe(forward);
}
