import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SheafClient } from '../../src/client/client.ts';

/** Answers of any length: the export of the audit log. */

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function client(answer: (response: ServerResponse, path: string) => void): Promise<SheafClient> {
  server = createServer((request, response) => answer(response, request.url ?? ''));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new SheafClient({ baseUrl, apiKey: 'a key', retries: { attempts: 3, firstDelayMs: 1 } });
}

async function all(lines: AsyncIterable<unknown>): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const line of lines) read.push(line);
  return read;
}

describe('lines', () => {
  test('come one by one, wherever the answer is cut, with what was asked for', async () => {
    let asked = '';
    const bytes = Buffer.from('{"entry":"1","name":"Zoë\u2028"}\n{"entry":"2"}\n');
    const it = await client((response, path) => {
      asked = path;
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    expect(await all(it.admin.exportAudit({ action: 'sign_in', from: 1 }))).toEqual([
      { entry: '1', name: 'Zoë\u2028' },
      { entry: '2' },
    ]);
    expect(asked).toBe('/admin/audit/export?action=sign_in&from=1');
  });

  test('of an answer that never ends can be left at any time', async () => {
    const gone = new Promise<void>((resolve) => {
      void client((response) => {
        response.on('close', resolve);
        response.write('{"entry":"1"}\n');
      }).then(async (it) => {
        for await (const line of it.admin.exportAudit()) {
          expect(line).toEqual({ entry: '1' });
          break;
        }
      });
    });
    await gone;
  });

  test('that break off are told, and not asked for again', async () => {
    let times = 0;
    const it = await client((response) => {
      times += 1;
      response.write('{"entry":"1"}\n', () => response.destroy());
    });
    const read: unknown[] = [];
    const reading = (async () => {
      for await (const line of it.admin.exportAudit()) read.push(line);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'unreachable' });
    expect([times, read]).toEqual([1, [{ entry: '1' }]]);
  });

  test.each([
    ['{"entry":"1"}\n{"entry":', 'cut off'],
    ['<html>\n', 'no JSON'],
  ])('%j is no whole answer', async (body, why) => {
    const it = await client((response) => void response.end(body));
    const reading = all(it.admin.exportAudit());
    await expect(reading).rejects.toMatchObject({ code: 'invalid_answer' });
    await expect(reading).rejects.toThrow(why);
  });

  test('are asked for again as long as nothing has come', async () => {
    let times = 0;
    const it = await client((response) => {
      times += 1;
      if (times < 3) response.writeHead(503).end();
      else response.end('{"entry":"1"}\n');
    });
    expect(await all(it.admin.exportAudit())).toEqual([{ entry: '1' }]);
    expect(times).toBe(3);
  });
});
