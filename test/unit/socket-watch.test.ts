import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SocketWatch } from '../../src/adapters/postgres/socket-watch.ts';

/** A server that answers what the test tells it to, over connections of which some go silent. */

const SILENCE_MS = 150;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

let server: Server;
let port: number;
let answer: (to: Socket, asked: string) => void;
let taken: Socket[];

beforeEach(async () => {
  answer = (to) => void to.write(READY);
  taken = [];
  server = createServer((socket) => {
    taken.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => answer(socket, String(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
});
afterEach(() => {
  for (const socket of taken) socket.destroy();
  server.close();
});

const openTo = (watch: SocketWatch) => watch.open({ host: ['127.0.0.1'], port: [port] });

async function asked(socket: Socket, what = 'a'): Promise<void> {
  const answered = once(socket, 'data');
  socket.write(what);
  await answered;
}

describe('the sockets of a pool', () => {
  test('one on which an answer is owed and nothing comes is ended, and with it those that nobody uses', async () => {
    const watch = new SocketWatch(SILENCE_MS);
    const [silent, idle] = [openTo(watch), openTo(watch)];
    await Promise.all([asked(silent), asked(idle)]);
    answer = () => undefined;
    const closed = Promise.all([once(silent, 'close'), once(idle, 'close')]);
    silent.write('b');
    await closed;
  });

  test('one on which nothing is owed may be silent for ever', async () => {
    const idle = openTo(new SocketWatch(SILENCE_MS));
    await asked(idle);
    await sleep(4 * SILENCE_MS);
    expect(idle.destroyed).toBe(false);
    await asked(idle);
    idle.destroy();
  });

  test('an answer that breaks off in the middle is owed still', async () => {
    const socket = openTo(new SocketWatch(SILENCE_MS));
    answer = (to) => void to.write('the beginning');
    const closed = once(socket, 'close');
    await asked(socket);
    await closed;
  });

  test('the end of an answer is known however it is cut', async () => {
    const socket = openTo(new SocketWatch(SILENCE_MS));
    answer = (to) => {
      to.write(Buffer.concat([Buffer.from('rows'), READY.subarray(0, 4)]));
      setTimeout(() => to.write(READY.subarray(4)), 20);
    };
    await asked(socket);
    await once(socket, 'data');
    await sleep(4 * SILENCE_MS);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  test('those that wait are broken off, and no others; without a time nobody else ends them', async () => {
    const watch = new SocketWatch();
    const [waiting, idle] = [openTo(watch), openTo(watch)];
    await Promise.all([asked(waiting), asked(idle)]);
    answer = () => undefined;
    waiting.write('b');
    await sleep(4 * SILENCE_MS);
    expect(waiting.destroyed).toBe(false);
    watch.breakOff();
    expect([waiting.destroyed, idle.destroyed]).toEqual([true, false]);
    idle.destroy();
  });

  test('under TLS, what passes is counted: who sends and hears nothing is ended', async () => {
    const socket = openTo(new SocketWatch(SILENCE_MS));
    answer = (to) => void to.write('S');
    await asked(socket);
    answer = (to, what) => void (what === 'known' && to.write('secret'));
    await asked(socket, 'known');
    await sleep(4 * SILENCE_MS);
    expect(socket.destroyed).toBe(false);
    const closed = once(socket, 'close');
    socket.write('unanswered');
    await closed;
  });
});
