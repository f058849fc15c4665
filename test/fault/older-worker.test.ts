import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient } from '../../src/adapters/http-client/client.ts';
import { SheafClient } from '../../src/client/client.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { httpOperation } from '../../src/operations/http/operation.ts';
import { holdLearner } from '../support/held-lock.ts';
import { answerJson, bodyOf, httpPeer, type Peer } from '../support/http-peer.ts';
import { faultsOfLines, learnerId, learnersCsv } from '../support/learner-file.ts';
import { olderVersion, unpackOlder } from '../support/older-version.ts';
import { type Program, startProgram } from '../support/program.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { settingsOf, startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/**
 * Processes of an older version beside newer ones, on the newest schema, as while a version is brought in or taken
 * back: what they know they do as ever, and what they do not know they leave alone.
 */

const PATIENT = { timeout: 300_000 };
const older = olderVersion();
const ADMIN_KEY = 'a-key-of-the-test-that-is-long-enough';

describe.skipIf(older.missing)(`an older version beside the newest one${older.reason}`, PATIENT, () => {
  let sheaf: TestSheaf;
  let checkout: Awaited<ReturnType<typeof unpackOlder>>;
  let target: Peer;
  let operations: string;
  const client = new HttpClient();
  /** How often each record was sent, with which keys. */
  const sent = new Map<string, string[]>();
  const running: Program[] = [];

  beforeAll(async () => {
    target = await httpPeer(async (request, response) => {
      const { id } = JSON.parse(await bodyOf(request)) as { id: string };
      sent.set(id, [...(sent.get(id) ?? []), String(request.headers['idempotency-key'])]);
      answerJson(response, id.endsWith('9') && sent.get(id)!.length === 1 ? 409 : 200, { id });
    });
    const definition = sendingTo(target.origin);
    operations = await mkdtemp(join(tmpdir(), 'sheaf-operations-'));
    await writeFile(join(operations, 'send.yaml'), JSON.stringify(definition));
    const operation = httpOperation(definition, { send: client.send, secret: () => undefined });
    sheaf = await openTestSheaf({}, { operations: [operation] });
    checkout = await unpackOlder();
  }, PATIENT.timeout);

  afterAll(async () => {
    await Promise.all(running.map((program) => program.kill()));
    await sheaf?.close();
    await target?.close();
    await client.close();
    await checkout?.remove();
    if (operations !== undefined) await rm(operations, { recursive: true, force: true });
  });

  async function startWorker(root?: string): Promise<WorkerProcess> {
    const settings = { SHEAF_OPERATIONS: operations, SHEAF_WORKER_CONCURRENCY: '1' };
    const worker = await startWorkerProcess(sheaf, settings, root);
    running.push(worker);
    return worker;
  }

  const chunksOf = async (id: string) =>
    await sheaf.sql<{ status: string; attempts: number }[]>`
      select status, attempts from chunks where batch_id = ${id} order by number`;
  const learners = async (prefix: string) =>
    (await sheaf.sql`select from learners where learner_id like ${`${prefix}%`}`).length;

  /** Nobody but an older worker is there, or has anything to do: what it leaves alone when it has done this is left for good. */
  async function somethingElse(prefix: string): Promise<void> {
    const batch = await sheaf.run(learnersCsv(prefix, 600));
    expect(batch.counts).toMatchObject({ total: 600, succeeded: 600 });
  }

  it('does batches of all kinds that it knows, on the newest schema', async () => {
    await startWorker(checkout.root);
    const bad = (record: number) => record % 100 === 0;
    const rejected = await sheaf.run(learnersCsv('r', 300, bad));
    expect(rejected.status).toBe('validation_failed');
    const [plain, packed, dry, outside, cancelled, deleted] = await Promise.all([
      sheaf.run(learnersCsv('p', 1500, bad), { on_invalid: 'skip' }),
      sheaf.run(gzipSync(learnersCsv('g', 1500)), { results_format: ['csv', 'xlsx'] }),
      sheaf.run(learnersCsv('d', 700), { dry_run: true }),
      sheaf.run(idsCsv('o', 200), { operation: 'send' }),
      cancelledAtOnce(),
      sheaf.run(learnersCsv('x', 10)),
    ]);
    expect(plain.counts).toMatchObject({ total: 1500, succeeded: 1485, failed: 15 });
    expect(faultsOfLines(await sheaf.lines(plain), 'p', 1500, bad)).toEqual([]);
    expect(packed.counts).toMatchObject({ total: 1500, succeeded: 1500 });
    expect([dry.status, dry.counts.unprocessed, await learners('d')]).toEqual(['completed', 700, 0]);
    expect(outside.counts).toMatchObject({ total: 200, succeeded: 180, failed: 20 });
    expect([...sent.values()].filter((keys) => keys.length !== 1)).toEqual([]);
    expect(cancelled.status).toBe('cancelled');
    expect(cancelled.counts.succeeded).toBe(await learners('c'));
    await deleteBatch(sheaf.engine, deleted.id);
    while ((await sheaf.account.batches.find(deleted.id)) !== null) await sleep(50);
    expect(await sheaf.keys(`batches/${deleted.id}/`)).toEqual([]);
  });

  async function cancelledAtOnce(): Promise<BatchRow> {
    const id = await sheaf.submit(await sheaf.upload(learnersCsv('c', 2000)));
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    return await sheaf.ended(id);
  }

  it('leaves a correction alone, whatever becomes of the newer worker that is at it', async () => {
    const records = 2000;
    const bad = (record: number) => record % 100 === 50;
    const parent = await sheaf.run(learnersCsv('k', records, bad), { on_invalid: 'skip' });
    const handler = await sheaf.upload(numbered(learnersCsv('k', records)));
    const { id } = await retryBatch(sheaf.engine, sheaf.caller, parent.id, { handler });
    await somethingElse('l');
    expect((await sheaf.batch(id)).status).toBe('new');

    const lock = await holdLearner(sheaf, learnerId('k', 450));
    try {
      const newer = await startWorker();
      expect((await lock.waiter('chunk')).role).toBe(newer.role);
      // It does one at a time; some others may be done: the first is passed over while the older one looks at it.
      const [first, ...others] = await chunksOf(id);
      expect(first).toEqual({ status: 'running', attempts: 1 });
      await somethingElse('m');
      expect(await chunksOf(id)).toEqual([first, ...others]);
      await newer.kill();
      while ((await chunksOf(id))[0]?.status === 'running') await sleep(50);
      await somethingElse('n');
      expect(await chunksOf(id)).toMatchObject([{ status: 'waiting' }, ...others]);
      await startWorker();
    } finally {
      await lock.release();
    }
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: records, succeeded: 20, failed: 0, skipped: 1980, unprocessed: 0 },
    });
    expect(await learners('k')).toBe(records);
  });

  it('does nothing twice beside a newer one, which does the retries', async () => {
    const records = 6000;
    const [plain, outside, refused] = await Promise.all([
      sheaf.run(learnersCsv('s', records)),
      sheaf.run(idsCsv('t', 400), { operation: 'send' }),
      sheaf.run(learnersCsv('p', 1500), { on_duplicate_file: 'refuse' }).then(async (first) => {
        return { first, again: await sheaf.run(learnersCsv('p', 1500), { on_duplicate_file: 'refuse' }) };
      }),
    ]);
    expect(faultsOfLines(await sheaf.lines(plain), 's', records)).toEqual([]);
    expect(await learners('s')).toBe(records);
    const message = expect.stringContaining(refused.first.id);
    expect(refused.again).toMatchObject({
      status: 'failed',
      statusReason: { code: 'duplicate_file', message },
    });
    expect(outside.counts).toMatchObject({ succeeded: 360, failed: 40 });
    const { id } = await retryBatch(sheaf.engine, sheaf.caller, outside.id, {});
    expect((await sheaf.ended(id)).counts).toMatchObject({ total: 40, succeeded: 40 });
    const keys = [...sent].filter(([name]) => name.startsWith('t'));
    // What was refused with a definite answer is sent once more, under another key; all else was sent once.
    for (const [name, used] of keys) expect(new Set(used).size).toBe(name.endsWith('9') ? 2 : 1);
    expect(keys.flatMap(([, used]) => used)).toHaveLength(440);
  });

  it('serves an API beside newer workers, and undoes nothing that it does not know of', async () => {
    const environment = { ...settingsOf(sheaf.locations), SHEAF_OPERATIONS: operations };
    const served = { SHEAF_PORT: '0', SHEAF_ADMIN_KEY: ADMIN_KEY };
    const api = await startProgram(
      'src/api/main.ts',
      { ...environment, ...served },
      /up at (\S+)/,
      checkout.root,
    );
    running.push(api);
    const calls = new SheafClient({ baseUrl: api.said, apiKey: ADMIN_KEY });
    for (const worker of running.splice(0, running.length - 1)) await worker.kill();
    await startWorker();

    const file = join(operations, 'learners.csv');
    await writeFile(file, learnersCsv('u', 1200));
    const handler = await calls.uploadFile(file);
    const { batch } = await calls.createBatch({ handler, operation: 'create_learner' });
    expect(await calls.follow(batch, { interval: 100 })).toMatchObject({ counts: { succeeded: 1200 } });

    const bad = (record: number) => record === 1;
    const failed = await sheaf.run(learnersCsv('v', 900, bad), {
      on_invalid: 'skip',
      stop_after: { failures: 1 },
    });
    expect(failed.status).toBe('failed');
    const retry = await retryBatch(sheaf.engine, sheaf.caller, failed.id, {
      records: 'unprocessed',
      stop_after: null,
    });
    expect((await sheaf.ended(retry.id)).counts).toMatchObject({ total: 899, succeeded: 899 });
    expect(await calls.getBatch(retry.id)).toMatchObject({ status: 'completed' });
    // To resume it would do all records of the retry once more.
    const resumed = calls.changeBatch(failed.id, { status: 'resume', stop_after: null });
    await expect(resumed).rejects.toMatchObject({ status: 503 });
    expect((await sheaf.batch(failed.id)).status).toBe('failed');
    // And without the retry nobody would know any more what it has done.
    await calls.deleteBatch(retry.id);
    while ((await sheaf.account.batches.find(retry.id)) !== null) await sleep(50);
    const again = retryBatch(sheaf.engine, sheaf.caller, failed.id, { records: 'unprocessed' });
    await expect(again).rejects.toMatchObject({ code: 'already_retried' });
    expect(await learners('v')).toBe(899);
  });
});

const idsCsv = (prefix: string, records: number) =>
  `id\n${Array.from({ length: records }, (_, index) => `${prefix}${index + 1}`).join('\n')}\n`;

/** The file as it is sent back, each row with the number of its record. */
function numbered(csv: string): string {
  const lines = csv.trimEnd().split('\n');
  return `${lines.map((line, number) => `${number === 0 ? '_record' : number},${line}`).join('\n')}\n`;
}

function sendingTo(origin: string) {
  return {
    name: 'send',
    version: 1,
    title: 'Send',
    description: 'Sends each record.',
    input: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    output: { type: 'object', properties: {} },
    request: { method: 'POST', url: `${origin}/`, body: { json: { id: '{{record.id}}' } } },
    failure: [{ when: { status: 409 }, code: 'refused', message: 'refused' }],
    allow_private: ['127.0.0.1'],
    concurrency: 8,
    chunk_records: 50,
  };
}
