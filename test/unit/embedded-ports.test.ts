import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, rememberedPorts, rememberPorts } from '../../src/embedded/ports.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-ports-'));
});
afterEach(() => rm(directory, { recursive: true }));

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('the preferred port is given when it is free, else another that is', async () => {
  const port = await freePort();
  expect(await freePort(port)).toBe(port);
  const holder = await listen(port);
  const other = await freePort(port);
  expect(other).not.toBe(port);
  (await listen(other)).close();
  holder.close();
});

test('0 is any port; what is no port is an error', async () => {
  expect(await freePort(0)).toBeGreaterThan(0);
  await expect(freePort(70_000)).rejects.toThrow(RangeError);
});

test('ports are remembered by service', async () => {
  expect(await rememberedPorts(directory)).toEqual({});
  await rememberPorts(directory, { database: 5001, s3: 5002 });
  await rememberPorts(directory, { s3: 5003 });
  expect(await rememberedPorts(directory)).toEqual({ database: 5001, s3: 5003 });
});

test.each(['', '[]', 'null', '{"s3":"5003"}', '{"s3":0}', '{"s3":65536}', '{"s3":1.5}'])(
  'a table of ports that reads %j is refused, with what to do',
  async (text) => {
    const path = join(directory, 'ports.json');
    await writeFile(path, text);
    await expect(rememberedPorts(directory)).rejects.toThrow(path);
    await expect(rememberedPorts(directory)).rejects.toThrow('remove it, and new ports are chosen');
  },
);
