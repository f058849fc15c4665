import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';

/** A server on this machine that answers as a test wants. */
export interface Peer {
  origin: string;
  port: number;
  close(): Promise<void>;
}

export async function httpPeer(answer: RequestListener): Promise<Peer> {
  const server = createServer(answer);
  // Tests that let it wait for the rest of a request end it themselves.
  server.requestTimeout = 0;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return peerOf(server, () => server.closeAllConnections());
}

/** For answers that are not HTTP, or not whole: `answer` is called when the head of a request has come. */
export async function socketPeer(answer: (socket: Socket, request: string) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let request = '';
    socket.on('data', (bytes) => {
      request += bytes.toString('latin1');
      if (!request.includes('\r\n\r\n')) return;
      answer(socket, request);
      request = '';
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return peerOf(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

function peerOf(
  server: { address(): unknown; close(done: () => void): unknown },
  endConnections: () => void,
): Peer {
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      endConnections();
      await closed;
    },
  };
}

export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}
