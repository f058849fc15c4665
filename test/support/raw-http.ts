import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/*
 * HTTP by hand over a connection: what no client would send. All bytes are Latin-1, so that any byte can be written.
 */

export interface RawAnswer {
  status: number;
  /** Names in lower case; of one that comes twice, both values. */
  headers: Map<string, string[]>;
  body: string;
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  // A server that cuts the connection is what many of these tests ask for.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends these bytes and gives all that is answered until the connection ends. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const socket = await openSocket(port);
  socket.setEncoding('latin1');
  socket.write(bytes, 'latin1');
  return await text(socket).catch(() => '');
}

/** One request with `Connection: close`. */
export async function ask(
  port: number,
  request: { method?: string; target: string; headers?: readonly string[]; body?: string },
): Promise<RawAnswer> {
  const { method = 'GET', target, headers = [], body } = request;
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`];
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...headers, ...length];
  const answers = answersIn(await exchange(port, `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`));
  if (answers.length !== 1) throw new Error(`there are ${answers.length} answers to ${method} ${target}`);
  return answers[0]!;
}

/** The answers that came one after the other on a connection. */
export function answersIn(bytes: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = bytes; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`this is no answer: ${rest.slice(0, 200)}`);
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
    }
    const length = Number(headers.get('content-length')?.[0] ?? Number.NaN);
    const from = end + 4;
    const to = Number.isNaN(length) ? rest.length : from + length;
    answers.push({ status: Number(first.split(' ')[1]), headers, body: rest.slice(from, to) });
    rest = rest.slice(to);
  }
  return answers;
}

/** Whether the other side ends or cuts a connection within the time. */
export async function endsWithin(socket: Socket, ms: number): Promise<boolean> {
  if (socket.closed) return true;
  socket.resume();
  const ended = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
  const timer = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms));
  return await Promise.race([ended, timer]);
}
