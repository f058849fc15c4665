import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { answerJson, bodyOf, httpPeer, type Peer } from './http-peer.ts';

/** What the server does with a record at its first attempts; at a later one it answers as it should. */
export const WAYS = [
  'good',
  'fails first',
  'reset before it is read',
  'reset after it took effect',
  'cut off after it took effect',
  'malformed after it took effect',
  'no HTTP after it took effect',
  'answers at the second attempt only',
  'gone with 503 first',
  'redirected',
  'without end',
  'bomb',
  'no JSON',
  'refused',
  'exists',
  'told to wait',
  'told to wait until',
] as const;

export type Way = (typeof WAYS)[number];

export interface HostileCrm extends Peer {
  /** Which keys came for a record. */
  keys: Map<string, Set<string>>;
  attempts: Map<string, number>;
  /** How often a record took effect: once for each key, as a key that comes again is only told what came of it. */
  effects: Map<string, number>;
  /** Requests that something else came with than should. */
  strange: string[];
}

const BOMB = gzipSync(Buffer.alloc(20_000_000, 'x'));

/** A server of others that does everything wrong but one thing: it honours keys. */
export async function hostileCrm(wayOf: (id: string) => Way): Promise<HostileCrm> {
  const keys = new Map<string, Set<string>>();
  const attempts = new Map<string, number>();
  const effects = new Map<string, number>();
  const strange: string[] = [];
  const done = new Set<string>();

  const peer = await httpPeer(async (request, response) => {
    const id = decodeURIComponent(request.url!.slice('/contacts/'.length));
    const key = String(request.headers['idempotency-key']);
    keys.set(id, (keys.get(id) ?? new Set()).add(key));
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    const way = wayOf(id);
    if (way === 'reset before it is read' && attempt === 1) return void request.socket.resetAndDestroy();
    const body = await bodyOf(request).catch(() => null);
    if (body === null) return;
    if (body !== JSON.stringify({ id })) strange.push(`${id}: ${body}`);
    const takeEffect = () => {
      if (!done.has(key)) effects.set(id, (effects.get(id) ?? 0) + 1);
      done.add(key);
    };
    if (!behaved(way, attempt, { request, response, takeEffect })) {
      takeEffect();
      answerJson(response, 201, { id: `crm-${id}` });
    }
  });
  return { ...peer, keys, attempts, effects, strange };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  takeEffect(): void;
}

/** @returns false when it is to be answered as it should */
function behaved(way: Way, attempt: number, exchange: Exchange): boolean {
  return once(way, attempt, exchange) || always(way, exchange);
}

function once(way: Way, attempt: number, { request, response, takeEffect }: Exchange): boolean {
  if (attempt > 1) return false;
  switch (way) {
    case 'fails first':
      answerJson(response, 500, {});
      return true;
    case 'gone with 503 first':
      answerJson(response, 503, {}, { 'retry-after': '1' });
      return true;
    case 'told to wait':
      answerJson(response, 429, {}, { 'retry-after': '1' });
      return true;
    case 'told to wait until':
      answerJson(response, 429, {}, { 'retry-after': new Date(Date.now() + 1000).toUTCString() });
      return true;
    case 'reset after it took effect':
      takeEffect();
      request.socket.resetAndDestroy();
      return true;
    case 'cut off after it took effect':
      takeEffect();
      request.socket.end('HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":');
      return true;
    case 'malformed after it took effect':
      takeEffect();
      request.socket.end('HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n');
      return true;
    case 'no HTTP after it took effect':
      takeEffect();
      request.socket.end('220 mail.example ESMTP\r\n\r\n');
      return true;
    case 'answers at the second attempt only':
      takeEffect();
      return true;
    default:
      return false;
  }
}

function always(way: Way, { response, takeEffect }: Exchange): boolean {
  switch (way) {
    case 'redirected':
      response.writeHead(302, { location: '/elsewhere' }).end();
      return true;
    case 'refused':
      answerJson(response, 422, { error: 'no' });
      return true;
    case 'exists':
      answerJson(response, 409, {});
      return true;
    case 'no JSON':
      takeEffect();
      response.writeHead(201, { 'content-length': '6' }).end('<html>');
      return true;
    case 'bomb':
      takeEffect();
      response.writeHead(201, { 'content-encoding': 'gzip' }).end(BOMB);
      return true;
    case 'without end': {
      takeEffect();
      response.writeHead(201);
      const more = () => {
        while (response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
      return true;
    }
    default:
      return false;
  }
}
