import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PartsTicket } from '../../src/api/schemas/upload.ts';
import { SheafClient } from '../../src/client/client.ts';
import { gate } from '../support/gate.ts';
import { refusal } from '../support/refusal.ts';

/** Uploads in parts, against an API and a store of a few lines. */

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

let directory = '';
let origin = '';
let server: Server;
/** What was asked for, in order. */
let lines: string[];
let bodies: Map<string, Buffer>;
/** In place of the usual answer to a line, once each. */
let instead: Map<string, Answer[]>;
let client: SheafClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-client-test-'));
  [lines, bodies, instead] = [[], new Map(), new Map()];
  server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new SheafClient({ baseUrl: origin, apiKey: 'secret', retries: { attempts: 3, firstDelayMs: 1 } });
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const line = `${request.method} ${request.url}`;
  lines.push(line);
  const answer = instead.get(line)?.shift();
  const body = await buffer(request).catch(() => Buffer.alloc(0));
  if (answer !== undefined) return answer(request, response, body);
  bodies.set(line, body);
  if (request.method === 'PUT') response.setHeader('etag', `"${sha256(body)}"`).end();
  else if (request.method === 'DELETE') response.writeHead(204).end();
  else response.setHeader('content-type', 'application/json').end(JSON.stringify(answerOf(line, body)));
}

function answerOf(line: string, body: Buffer): object {
  if (line === 'POST /uploads') {
    const { parts, size } = JSON.parse(body.toString());
    return parts === undefined
      ? { url: `${origin}/file`, method: 'PUT', headers: {}, handler: 'h' }
      : ticket(parts, size);
  }
  return { handler: 'h', bytes: 1, etag: '"all"' };
}

function ticket(parts: number, size?: number): PartsTicket {
  return {
    parts: Array.from({ length: parts }, (_, index) => ({
      number: index + 1,
      url: `${origin}/part/${index + 1}`,
    })),
    ...(size !== undefined && { part_bytes: Math.ceil(size / parts) }),
    method: 'PUT',
    headers: {},
    handler: 'h',
    validity_ts: 0,
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(directory, 'learners.csv');
  await writeFile(path, bytes);
  return path;
}

const CONTENT = randomBytes(3_000_017);
const put = (count: number) =>
  Array.from({ length: count }, (_, index) => bodies.get(`PUT /part/${index + 1}`)!);
const refuse =
  (status: number, code: string): Answer =>
  (_, response) =>
    void response.writeHead(status).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);

describe('a file over the threshold', () => {
  test('is cut as the API says, sent, and completed with the ETags', async () => {
    const progress: number[] = [];
    const handler = await client.uploadFile(await fileOf(CONTENT), {
      about: { filename: 'learners.csv', hash: 'a'.repeat(64) },
      largestPut: 1000,
      partBytes: 500_000,
      onProgress: (sent, of) => {
        expect(of).toBe(CONTENT.length);
        progress.push(sent);
      },
    });
    expect(handler).toBe('h');
    expect(JSON.parse(bodies.get('POST /uploads')!.toString())).toEqual({
      filename: 'learners.csv',
      hash: 'a'.repeat(64),
      size: CONTENT.length,
      parts: 7,
    });
    expect(Buffer.concat(put(7)).equals(CONTENT)).toBe(true);
    expect(put(7).map((part) => part.length)).toEqual([...Array(6).fill(428_574), 428_573]);
    expect(JSON.parse(bodies.get('POST /uploads/h/complete')!.toString())).toEqual(
      put(7).map((part, index) => ({ number: index + 1, etag: `"${sha256(part)}"` })),
    );
    expect(progress.at(-1)).toBe(CONTENT.length);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  test('at the threshold goes in a single PUT', async () => {
    await client.uploadFile(await fileOf(CONTENT), { largestPut: CONTENT.length });
    expect(lines).toEqual(['POST /uploads', 'PUT /file']);
    expect(bodies.get('PUT /file')!.equals(CONTENT)).toBe(true);
  });

  test('of any size has no more parts than S3 takes', async () => {
    const asked: number[] = [];
    instead.set('POST /uploads', [
      (_, response, body) => {
        asked.push(JSON.parse(body.toString()).parts);
        response.writeHead(422).end();
      },
    ]);
    await refusal(client.uploadFile(await fileOf(CONTENT), { largestPut: 0, partBytes: 1 }));
    expect(asked).toEqual([10_000]);
  });
});

describe('a part', () => {
  test.each<[string, Answer]>([
    ['whose connection breaks', (request) => void request.socket.destroy()],
    ['that the store has no time for', refuse(503, 'SlowDown')],
    ['that the store fails at', refuse(500, 'InternalError')],
    ['that came too slowly', refuse(400, 'RequestTimeout')],
  ])('%s is read and sent again, alone', async (_what, answer) => {
    instead.set('PUT /part/2', [answer, answer]);
    const parts = await client.putParts(ticket(3, CONTENT.length), await fileOf(CONTENT));
    expect(Buffer.concat(put(3)).equals(CONTENT)).toBe(true);
    expect(parts.map((part) => part.number)).toEqual([1, 2, 3]);
    expect(lines.toSorted()).toEqual(['PUT /part/1', ...Array(3).fill('PUT /part/2'), 'PUT /part/3']);
  });

  test('that fails every time is told as the store told it, and ends the others', async () => {
    instead.set('PUT /part/1', Array(3).fill(refuse(503, 'SlowDown')));
    const held = gate();
    for (const number of [2, 3, 4]) instead.set(`PUT /part/${number}`, [() => void held.wait()]);
    const error = await refusal(client.putParts(ticket(10, CONTENT.length), await fileOf(CONTENT)));
    expect(error).toMatchObject({ status: 503, code: 'SlowDown' });
    expect(lines).not.toContain('PUT /part/5');
  });

  test('that is refused is not sent again', async () => {
    instead.set('PUT /part/1', [refuse(403, 'AccessDenied')]);
    const error = await refusal(client.putParts(ticket(1, CONTENT.length), await fileOf(CONTENT)));
    expect(error).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(lines).toEqual(['PUT /part/1']);
  });

  test('without an ETag cannot be completed', async () => {
    instead.set('PUT /part/1', [(_, response) => void response.end()]);
    const error = await refusal(client.putParts(ticket(1, CONTENT.length), await fileOf(CONTENT)));
    expect(error.code).toBe('invalid_answer');
  });
});

test('without a stated size the parts are alike', async () => {
  await client.putParts(ticket(2), await fileOf(Buffer.from('abcde')));
  expect(put(2).map(String)).toEqual(['abc', 'de']);
});

test.each([2_999_999, 5_000_000, 1])(
  'a file of another length than %i, for which its parts were made, is not sent',
  async (size) => {
    const sending = client.putParts(ticket(3, size), await fileOf(CONTENT));
    expect((await refusal(sending)).code).toBe('size_differs');
    expect(lines).toEqual([]);
  },
);

test('a file that becomes shorter meanwhile is an error', async () => {
  const path = await fileOf(Buffer.alloc(8 * 1024 * 1024));
  const sending = client.putParts(ticket(1, 8 * 1024 * 1024), path, {
    onProgress: () => void truncate(path, 10),
  });
  expect((await refusal(sending)).code).toBe('size_differs');
});

test('an abort ends all parts, with its own reason', async () => {
  const abort = new AbortController();
  const held = gate();
  instead.set('PUT /part/1', [() => void held.wait()]);
  const sending = client.putParts(ticket(3, CONTENT.length), await fileOf(CONTENT), { signal: abort.signal });
  const ended = expect(sending).rejects.toThrow('not any more');
  await held.arrived;
  abort.abort(new Error('not any more'));
  await ended;
});

describe('completing and taking back', () => {
  test('are repeated when no answer comes', async () => {
    instead.set('POST /uploads/h/complete', [(request) => void request.socket.destroy()]);
    instead.set('DELETE /uploads/h', [(_, response) => void response.writeHead(503).end()]);
    expect(await client.completeUpload('h', [{ number: 1, etag: 'x' }])).toMatchObject({ handler: 'h' });
    await client.invalidateUpload('h');
    expect(lines).toEqual([
      ...Array(2).fill('POST /uploads/h/complete'),
      ...Array(2).fill('DELETE /uploads/h'),
    ]);
  });

  test('name the upload whatever its handler is', async () => {
    await client.invalidateUpload('a/../b');
    expect(lines).toEqual(['DELETE /uploads/a%2F..%2Fb']);
  });
});
