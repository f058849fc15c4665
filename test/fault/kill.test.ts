import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/api/schemas/batch.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/**
 * Promise 1: kill the whole program at any moment and start it again; every record ends with one result. PostgreSQL
 * itself outlives the kill, as it does when a worker dies on another machine, and is taken over at the start.
 */

const RECORDS = 20_000;
const SETTINGS = {
  SHEAF_CHUNK_RECORDS: '500',
  SHEAF_LEASE_SECONDS: '2',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_WORKER_CONCURRENCY: '2',
};

let directory: string;
let sheaf: SheafProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-kill-'));
  sheaf = await startSheafProcess(join(directory, 'data'), SETTINGS);
});
afterAll(async () => {
  await sheaf.stop();
  await rm(directory, { recursive: true, force: true });
});

async function submit(prefix: string): Promise<string> {
  const file = join(directory, `${prefix}.csv`);
  const rows = Array.from({ length: RECORDS }, (_, n) => `${prefix}${n},${prefix}${n}@example.org,Name ${n}`);
  await writeFile(file, `learner_id,email,given_name\n${rows.join('\n')}\n`);
  const ticket = await sheaf.client.createUpload();
  await sheaf.client.putFile(ticket, file);
  const batch = await sheaf.client.createBatch({ handler: ticket.handler, operation: 'create_learner' });
  return batch.batch;
}

/** Looks as fast as it can until the batch is where the test wants to strike. */
async function when(id: string, condition: (batch: Batch) => boolean): Promise<Batch> {
  for (;;) {
    const batch = await sheaf.client.getBatch(id);
    if (condition(batch)) return batch;
    if (batch.results_ready) throw new Error(`the batch was ${batch.status} before the test could strike`);
  }
}

async function restart(): Promise<void> {
  await sheaf.kill();
  sheaf = await startSheafProcess(join(directory, 'data'), SETTINGS);
}

async function expectEachRecordOnce(id: string, prefix: string): Promise<void> {
  const batch = await sheaf.client.follow(id, { interval: 200 });
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: RECORDS, succeeded: RECORDS, failed: 0, skipped: 0, unprocessed: 0 },
  });

  const { files } = await sheaf.client.getResults(id);
  const all = files.find((file) => file.kind === 'all');
  const path = join(directory, `${prefix}.ndjson`);
  await sheaf.client.download(all!, path);
  const text = await readFile(path);
  expect(createHash('sha256').update(text).digest('hex')).toBe(all?.sha256);
  const lines = text
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map((line) => line.record)).toEqual(Array.from({ length: RECORDS }, (_, n) => n + 1));
  expect(lines.every((line, n) => line.output.learner_id === `${prefix}${n}`)).toBe(true);
  // Created, and not found there by a second attempt whose first one had committed.
  expect(new Set(lines.map((line) => line.output.action))).toEqual(new Set(['created']));

  const services = JSON.parse(await readFile(join(directory, 'data', 'services.json'), 'utf8'));
  const sql = postgres(services.database_url, { max: 1 });
  const [count] = await sql`
    select count(*)::int as rows, count(distinct learner_id)::int as ids from learners
    where learner_id like ${`${prefix}%`}`;
  await sql.end();
  expect(count).toEqual({ rows: RECORDS, ids: RECORDS });
}

describe('kill -9 of the whole program', () => {
  it('in the middle of processing: each record is there once, in the table and in the results', async () => {
    const id = await submit('p');
    const before = await when(
      id,
      ({ status, counts }) => status === 'processing' && counts.succeeded >= 2000,
    );
    expect(before.counts.succeeded).toBeLessThan(RECORDS);
    await restart();
    await expectEachRecordOnce(id, 'p');
  });

  it('while it copies, while it validates and while it writes the results', async () => {
    const id = await submit('s');
    for (const stage of ['copying', 'validating', 'writing_results']) {
      // A stage may be over before it is seen; then the strike falls into the one after it.
      const order = [
        'new',
        'copying',
        'copied',
        'validating',
        'processing',
        'processed',
        'writing_results',
        'completed',
      ];
      const struck = await when(id, ({ status }) => order.indexOf(status) >= order.indexOf(stage)).catch(
        () => null,
      );
      if (struck !== null && !struck.results_ready) await restart();
    }
    await expectEachRecordOnce(id, 's');
  });
});
