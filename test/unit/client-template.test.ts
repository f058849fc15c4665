import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SheafClient } from '../../src/client/client.ts';
import { SheafError } from '../../src/client/sheaf-error.ts';
import { readTemplate } from '../support/read-template.ts';
import { addPerson, apiInMemory, type World } from './api-memory.ts';

let world: World;
let client: SheafClient;
beforeAll(async () => {
  world = await apiInMemory();
  await world.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = world.app.server.address() as AddressInfo;
  client = new SheafClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'all' });
});
afterAll(() => world.app.close());

test('a template comes as the bytes of the file', async () => {
  const { records } = await readTemplate(Buffer.from(await client.template('add_person')), addPerson);
  expect(records).toEqual([{ input: { name: 'text', age: 1 }, errors: [] }]);
  const csv = Buffer.from(await client.template('add_person', 'csv'));
  expect(csv.toString()).toBe('\uFEFFname,age\r\ntext,1\r\n');
});

test('a refusal is thrown, and nothing of a name or a parameter gets out of its place', async () => {
  const unknown = client.template('add_person', 'csv', { 'a&format': 'x=1&b' });
  await expect(unknown).rejects.toMatchObject({
    code: 'invalid_request',
    errors: [{ pointer: '?a&format', code: 'unknown_field' }],
  });
  await expect(client.template('../batches')).rejects.toMatchObject({ code: 'operation_not_found' });
  await expect(client.template('nothing')).rejects.toBeInstanceOf(SheafError);
});

test('an abort ends it', async () => {
  await expect(client.template('add_person', 'csv', {}, AbortSignal.abort())).rejects.toThrow('aborted');
});
