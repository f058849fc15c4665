import { Type } from 'typebox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';
import { openTestApi } from '../support/api.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** A batch is done by the version that it was made with, whatever is newer by then. */

const closed = { additionalProperties: false };
const greet = (version: number) =>
  defineOperation({
    name: 'greet',
    version,
    title: 'Greet',
    description: 'Greets.',
    input: Type.Object(
      { name: Type.String(), ...(version > 1 && { title: Type.Optional(Type.String()) }) },
      closed,
    ),
    output: Type.Object({ by: Type.Integer() }, closed),
    failures: {},
    run: async (records) => records.map(() => succeeded({ by: version })),
  });

let sheaf: TestSheaf;
beforeEach(async () => {
  sheaf = await openTestSheaf({}, { operations: [greet(1)] });
});
afterEach(() => sheaf.close());

const submit = async () => await sheaf.submit(await sheaf.upload('name\nAda\n'), { operation: 'greet' });
const doneBy = async (id: string) => {
  const [line] = await sheaf.lines(await sheaf.ended(id));
  return line?.status === 'succeeded' ? line.output : line;
};

test('two versions side by side: each batch has its own, a call has the newest', async () => {
  const old = await submit();
  sheaf.services.operations = new OperationRegistry([greet(1), greet(2)]);
  const young = await submit();
  await sheaf.startWorkers();
  expect([await doneBy(old), await doneBy(young)]).toEqual([{ by: 1 }, { by: 2 }]);

  const api = await openTestApi(sheaf);
  const payload = { name: 'Ada' };
  const response = await api.request({ method: 'POST', url: '/operations/greet', payload });
  expect(response.json()).toEqual({ status: 'succeeded', output: { by: 2 } });
  await api.close();
});

test('a worker without the version leaves the batch to one that has it', async () => {
  const old = await submit();
  const first = sheaf.services.operations;
  sheaf.services.operations = new OperationRegistry([greet(2)]);
  const young = await submit();
  const workers = await sheaf.startWorkers();
  expect(await doneBy(young)).toEqual({ by: 2 });
  expect((await sheaf.batch(old)).status).toBe('new');
  await workers.stop();
  sheaf.services.operations = first;
  await sheaf.startWorkers();
  expect(await doneBy(old)).toEqual({ by: 1 });
});

test('what is told of its records has the fields of that version', async () => {
  const handler = await sheaf.upload('{"nam":"Ada"}\n');
  const old = await sheaf.submit(handler, {
    operation: 'greet',
    on_invalid: 'skip',
    results_format: ['csv'],
  });
  sheaf.services.operations = new OperationRegistry([greet(1), greet(2)]);
  await sheaf.startWorkers();
  const files = (await sheaf.ended(old)).results ?? [];
  const failed = files.find(({ kind, format }) => kind === 'failed' && format === 'csv');
  const [header = ''] = (await sheaf.object(failed!.key)).toString().split('\r\n');
  expect(header.split(',').filter((name) => !name.includes('_'))).toEqual(['nam', 'name']);
});
