import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Lifeline } from './lifeline.ts';
import { type Message, Messages, Statements } from './postgres-messages.ts';

/** What a connection of the process says at a time: the messages up to where the server answers that it is ready. */
interface Unit {
  isLast: boolean;
}

/** A way to PostgreSQL that counts the statements which are executed. @returns the address that the process is given */
export async function openPostgresLine(
  lifeline: Lifeline,
  url: string,
): Promise<{ url: string; close(): void }> {
  const { port, hostname } = new URL(url);
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    upstream.setNoDelay(true);
    client.setNoDelay(true);
    joined(client, upstream);
    lifeline.hold(client);
    lifeline.hold(upstream);
    carry(lifeline, client, upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  void lifeline.died.then(() => server.close());
  const at = new URL(url);
  at.port = String((server.address() as AddressInfo).port);
  return { url: at.href, close: () => void server.close() };
}

/** One that ends takes the other along. */
function joined(one: Socket, other: Socket): void {
  one.once('close', () => other.destroy());
  other.once('close', () => one.destroy());
}

function carry(lifeline: Lifeline, client: Socket, upstream: Socket): void {
  const fromClient = new Messages({ first: true });
  const fromServer = new Messages({ first: false });
  const statements = new Statements();
  /** Which the server has not answered yet; the first one is that the connection is made. */
  const open: Unit[] = [{ isLast: false }];
  let held: Buffer[] = [];
  let executes: string | null = null;

  const send = (isLast: boolean) => {
    upstream.write(Buffer.concat(held));
    held = [];
    executes = null;
    return isLast;
  };
  const said = (message: Message) => {
    held.push(message.bytes);
    statements.note(message);
    const { type } = message;
    if (type === 'E' || type === 'Q') executes = statements.executed(message);
    if (type !== 'S' && type !== 'Q') {
      // What belongs to a statement waits for its end; anything else goes on at once.
      if (!'PBDEC'.includes(type) || type === '') send(false);
      return;
    }
    const fate = executes === null ? 'passes' : lifeline.begins(executes);
    if (fate === 'lost') return;
    open.push({ isLast: send(fate === 'last') });
  };
  client.on('data', (piece) => {
    for (const message of fromClient.take(piece)) if (!lifeline.dead) said(message);
  });
  upstream.on('data', (piece) => {
    for (const { type, bytes } of fromServer.take(piece)) {
      const [unit] = open;
      if (!unit?.isLast) client.write(bytes);
      if (type !== 'Z') continue;
      open.shift();
      if (unit?.isLast) lifeline.cut();
    }
  });
}
