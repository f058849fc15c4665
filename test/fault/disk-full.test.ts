import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchRequest } from '../../src/api/schemas/batch-request.ts';
import { SheafClient } from '../../src/client/client.ts';
import { faultsOfLines, learnersCsv } from '../support/learner-file.ts';
import { xlsxOf } from '../support/learner-forms.ts';
import { unshared } from '../support/namespaces.ts';
import { type Program, ROOT } from '../support/program.ts';
import { type SmallDisk, startOnSmallDisks } from '../support/small-disk.ts';

/**
 * Disks that are full, real ones: `npm start` with its data on one small file system and its temporary files on another.
 * Whatever is full, it says so, nothing is lost, and all goes on by itself as soon as there is room.
 */

const PATIENT = { timeout: 300_000 };
const MB = 1_000_000;
const RESERVED = 60 * MB;
const KEY = 'a-key-for-the-small-disk';
const RECORDS = 20_000;

const namespace = unshared('--mount');

describe.skipIf(namespace.missing)(`npm start on a disk that is full${namespace.reason}`, PATIENT, () => {
  let directory: string;
  let program: Program;
  let data: SmallDisk;
  let temporary: SmallDisk;
  let client: SheafClient;
  let url: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sheaf-full-'));
    const [dataPlace, temporaryPlace] = [join(directory, 'disk'), join(directory, 'tmp')];
    const settings = {
      SHEAF_DATA_DIR: join(dataPlace, 'data'),
      TMPDIR: temporaryPlace,
      SHEAF_PORT: '0',
      SHEAF_ADMIN_KEY: KEY,
      SHEAF_RESERVED_BYTES: String(RESERVED),
      SHEAF_LEASE_SECONDS: '5',
      SHEAF_SWEEP_SECONDS: '1',
      SHEAF_CHUNK_RECORDS: '2500',
      // One attempt that is counted would end a batch.
      SHEAF_MAX_ATTEMPTS: '1',
    };
    const started = await startOnSmallDisks(
      'src/main.ts',
      { settings, up: /is up at (\S+)/, unshared: namespace.value() },
      { [dataPlace]: { megabytes: 300 }, [temporaryPlace]: { megabytes: 32 } },
    );
    program = started.program;
    [data, temporary] = started.disks as [SmallDisk, SmallDisk];
    url = program.said;
    client = new SheafClient({ baseUrl: url, apiKey: KEY });
  });
  afterAll(async () => {
    await data?.free();
    await temporary?.free();
    await program?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function uploaded(content: string | Buffer): Promise<string> {
    const file = join(directory, 'learners');
    await writeFile(file, content);
    return await client.uploadFile(file);
  }

  const submitted = async (handler: string, request: Partial<BatchRequest> = {}) =>
    (await client.createBatch({ handler, operation: 'create_learner', ...request })).batch;

  /** @returns how the log of the program goes on */
  async function logged(words: RegExp, from: number): Promise<string> {
    for (;;) {
      const more = program.log().slice(from);
      if (words.test(more)) return more;
      expect(program.child.exitCode, program.log().slice(-3000)).toBeNull();
      await sleep(50);
    }
  }

  async function ready(): Promise<{ status: number; checks: Record<string, string> }> {
    const response = await fetch(`${url}/health/ready`);
    const { checks } = (await response.json()) as { checks: Record<string, string> };
    return { status: response.status, checks };
  }

  async function expectEachOnce(id: string, prefix: string): Promise<void> {
    const batch = await client.follow(id, { interval: 200 });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, succeeded: RECORDS, failed: 0, skipped: 0, unprocessed: 0 },
    });
    const { files } = await client.getResults(id);
    const path = join(directory, 'results.ndjson');
    await client.download(files.find(({ kind, format }) => kind === 'all' && format === 'ndjson')!, path);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    const results = lines.map((line) => JSON.parse(line));
    expect(faultsOfLines(results, prefix, RECORDS).slice(0, 10)).toEqual([]);
  }

  it('but for what is kept free of it: files are refused and batches wait, all else goes on', async () => {
    const handler = await uploaded(learnersCsv('a', RECORDS));
    await data.fill(RESERVED / 2);
    const from = program.log().length;
    expect(await ready()).toMatchObject({
      status: 503,
      checks: { disk: 'failing', database: 'ok', object_store: 'ok' },
    });
    const { put } = await createdUpload();
    const refused = await fetch(put.url, { method: 'PUT', headers: put.headers, body: 'learner_id\n1\n' });
    expect(refused.status).toBe(507);
    expect(await refused.text()).toContain('There is not enough space left on the disk of this server.');

    const id = await submitted(handler);
    await logged(/the object store answered 507/, from);
    const single = await post('/operations/create_learner', { learner_id: 'single' });
    expect(single).toMatchObject({ status: 200 });
    expect((await client.getBatch(id)).status).not.toBe('failed');

    await data.free();
    await expectEachOnce(id, 'a');
    expect(await ready()).toMatchObject({ status: 200 });
  });

  it('for temporary files: a conversion and a workbook of results wait for room', async () => {
    const handler = await uploaded(gzipSync(await xlsxOf(learnersCsv('b', RECORDS))));
    await temporary.fill(0);
    const from = program.log().length;
    const id = await submitted(handler, { results_format: ['ndjson', 'xlsx'] });
    await logged(/the disk for temporary files is full/, from);
    expect((await client.getBatch(id)).status).toBe('copied');
    await temporary.free();
    await expectEachOnce(id, 'b');
  });

  it('so that PostgreSQL cannot write its log and ends: it is started again until there is room', async () => {
    const { database_url } = JSON.parse(await readFile(data.inside('data/services.json'), 'utf8'));
    const id = await submitted(await uploaded(learnersCsv('c', RECORDS)));
    const sql = postgres(database_url, { max: 1, onnotice: () => undefined });
    const from = program.log().length;
    await data.fill(0);
    const writing = async () => {
      for (;;) await sql`select pg_logical_emit_message(true, '', repeat('x', 1000000))`;
    };
    await expect(writing()).rejects.toThrow();
    await sql.end({ timeout: 1 });
    await logged(/PostgreSQL could not be started again[\s\S]*No space left on device/, from);
    expect(await ready()).toMatchObject({ status: 503, checks: { database: 'failing', disk: 'failing' } });
    const answer = await fetch(`${url}/batches/${id}`, { headers: { authorization: `Bearer ${KEY}` } });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'unavailable' });

    await data.free();
    while ((await ready()).status !== 200) await sleep(100);
    const { status, status_reason: reason } = await client.follow(id, { interval: 200 });
    if (status === 'failed') {
      // A session that ends in the middle of a chunk costs an attempt, and here there is one.
      expect(reason?.code).toBe('retries_exhausted');
      await client.changeBatch(id, { status: 'resume' });
    }
    await expectEachOnce(id, 'c');
    const again = postgres(database_url, { max: 1, onnotice: () => undefined });
    const rows = await again`
      select count(*)::int as rows, count(distinct learner_id)::int as ids from learners where learner_id like 'c%'`;
    expect([...rows]).toEqual([{ rows: RECORDS, ids: RECORDS }]);
    await again.end({ timeout: 5 });
  });

  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

  async function post(path: string, body: object): Promise<{ status: number; answer: unknown }> {
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  }

  async function createdUpload() {
    const { answer } = await post('/uploads', {});
    const { url: to, headers: sent } = answer as { url: string; headers: Record<string, string> };
    return { put: { url: to, headers: sent } };
  }
});

it('a log that cannot be written any more ends nobody, and is not kept in memory', PATIENT, async () => {
  const full = await open('/dev/full', 'w');
  const script = ['--import', 'tsx', 'test/support/log-program.ts'];
  const child = spawn(process.execPath, script, { cwd: ROOT, stdio: ['ignore', 'pipe', full.fd] });
  const ended = once(child, 'exit');
  const [said] = await once(child.stdout!, 'data');
  await full.close();
  expect(Number(/grown by (\d+) MiB/.exec(said)?.[1])).toBeLessThan(60);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
