import { createHash, randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResultFiles } from '../../src/api/schemas/results.ts';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import { faultsOfLines, learnersCsv } from '../support/learner-file.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';
import { GOOD_WAY } from '../support/statuses.ts';
import { plannedStrikes, reached, type StrikesByStatus } from '../support/strikes.ts';

/**
 * Promise 1: kill the whole program at any moment and start it again; every record ends with one result. PostgreSQL
 * itself outlives the kill, as it does when a worker dies on another machine, and is taken over at the start.
 */

const SEED = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
const RECORDS = 60_000;
const PREFIX = 'k';
const isBad = (record: number) => record % 997 === 0;
const ALL_RECORDS = Array.from({ length: RECORDS }, (_, index) => index + 1);
const BAD = ALL_RECORDS.filter(isBad).length;
const SETTINGS = {
  SHEAF_CHUNK_RECORDS: '1000',
  SHEAF_LEASE_SECONDS: '2',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_WORKER_CONCURRENCY: '2',
};

/** In which of its statuses how many strikes fall on the batch: about as long as it stays in them. */
const STRIKES: StrikesByStatus = [
  ['copying', 1],
  ['validating', 2],
  ['processing', 3],
  ['writing_results', 1],
];

let directory: string;
let sheaf: SheafProcess;
let sql: postgres.Sql;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-kill-'));
  sheaf = await startSheafProcess(join(directory, 'data'), SETTINGS);
  const services = JSON.parse(await readFile(join(directory, 'data', 'services.json'), 'utf8'));
  sql = postgres(services.database_url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await sql?.end({ timeout: 5 });
  await sheaf?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function submit(): Promise<string> {
  const file = join(directory, 'learners.csv');
  const csv = learnersCsv(PREFIX, RECORDS, isBad);
  await writeFile(file, csv);
  const handler = await sheaf.client.uploadFile(file);
  const hash = createHash('sha256').update(csv).digest('hex');
  const request = { handler, operation: 'create_learner', on_invalid: 'skip', hash } as const;
  return (await sheaf.client.createBatch(request)).batch;
}

async function killAndRestart(): Promise<void> {
  await sheaf.kill();
  sheaf = await startSheafProcess(join(directory, 'data'), SETTINGS);
}

/** Downloads a file, which proves what the API says of it, and holds it against what the manifest says. */
async function checkedFile(file: ResultFiles['files'][number], manifest: ResultFiles): Promise<Buffer> {
  const path = join(directory, `${file.kind}.${file.format}`);
  await sheaf.client.download(file, path);
  const content = await readFile(path);
  const told = manifest.files.find(({ kind, format }) => kind === file.kind && format === file.format);
  expect(told).toMatchObject({
    bytes: content.length,
    records: file.records,
    sha256: createHash('sha256').update(content).digest('hex'),
  });
  return content;
}

const linesOf = (content: Buffer) =>
  content
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

async function expectResultsOfEachRecordOnce(id: string): Promise<void> {
  const { files } = await sheaf.client.getResults(id);
  const named = files.find(({ kind }) => kind === 'manifest')!;
  const manifestPath = join(directory, 'manifest.json');
  await sheaf.client.download(named, manifestPath);
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
  expect(manifest.files).toHaveLength(files.length - 1);
  for (const file of files.filter((other) => other !== named)) {
    const content = await checkedFile(file, manifest);
    if (file.kind === 'all') {
      expect(faultsOfLines(linesOf(content), PREFIX, RECORDS, isBad).slice(0, 10)).toEqual([]);
    }
    if (file.kind === 'errors') {
      expect(linesOf(content).map(({ record }) => record)).toEqual(ALL_RECORDS.filter(isBad));
    }
  }
}

describe(`kill -9 of the whole program (TEST_SEED=${SEED})`, () => {
  it('at seven moments of one batch: each record is there once, in the table and in the results', async () => {
    const id = await submit();
    for (const strike of plannedStrikes(new SeededRandom(SEED), STRIKES, RECORDS)) {
      const { status, settled } = await reached({ sql }, id, strike);
      await sleep(strike.laterMs);
      process.stdout.write(
        `struck in ${status}, ${settled} records settled there (meant: ${strike.status}, ${strike.settled})\n`,
      );
      await killAndRestart();
    }

    const batch = await sheaf.client.follow(id, { interval: 200 });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, succeeded: RECORDS - BAD, failed: BAD, skipped: 0, unprocessed: 0 },
    });
    expect(batch.statuses.map(({ status }) => status)).toEqual(GOOD_WAY);
    await expectResultsOfEachRecordOnce(id);
    const [count] = await sql`
      select count(*)::int as rows, count(distinct learner_id)::int as ids from learners`;
    expect(count).toEqual({ rows: RECORDS - BAD, ids: RECORDS - BAD });
  }, 600_000);
});
