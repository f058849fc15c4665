import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse';
import postgres from 'postgres';
import { sampleLearners } from '../src/cli/sample/learners.ts';
import { SheafClient } from '../src/client/client.ts';
import { hashFile } from '../src/client/hash-file.ts';
import { environment } from '../src/config.ts';
import { readServices } from '../src/embedded/services-file.ts';
import { createLearner } from '../src/operations/training/create-learner.ts';
import { startAll } from '../src/start.ts';

/**
 * The whole way, from the presigned PUT to the checked result files, against the loop that a good engineer writes in an
 * afternoon: csv-parse, a check, a multi-row insert; no hash, no results, no word about a crash. Both on the same
 * embedded PostgreSQL, one after the other, several rounds.
 *
 *   node --import tsx bench/pipeline.ts [--records 200000] [--rounds 3]
 */

const { values } = parseArgs({
  options: { records: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '3' } },
});
const records = Number(values.records);
const COLUMNS = Object.keys(createLearner.input.properties);
const ACCOUNT = '00000000-0000-0000-0000-000000000000';
const directory = await mkdtemp(join(tmpdir(), 'sheaf-bench-'));
const file = join(directory, 'learners.csv');
await pipeline(Readable.from(sampleLearners({ records, seed: 1, bad: 300 })), createWriteStream(file));

const sheaf = await startAll({
  env: environment(),
  overrides: { SHEAF_DATA_DIR: join(directory, 'data'), SHEAF_PORT: '0', SHEAF_LOG_LEVEL: 'error' },
});
const services = await readServices(join(directory, 'data'));
const sql = postgres(services!.database_url!, { max: 2, onnotice: () => undefined });
let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 50);

const rates: { sheaf: number[]; loop: number[] } = { sheaf: [], loop: [] };
const stages: string[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  await sql`truncate learners`;
  rates.loop.push(await timed(afternoonLoop));
  await sql`truncate learners`;
  rates.sheaf.push(await timed(throughSheaf));
}
clearInterval(watch);

const table = [
  ['', 'records a second, each round', 'median'],
  ['Sheaf, all in one process', ...cells(rates.sheaf)],
  ['afternoon loop', ...cells(rates.loop)],
];
for (const [name, each, median] of table) {
  process.stdout.write(`${name!.padEnd(28)}${each!.padStart(34)}${median!.padStart(12)}\n`);
}
process.stdout.write(`\nSheaf's stages in the last round: ${stages.join(', ')}\n`);
process.stdout.write(
  `peak memory of the process (API, workers, S3 server, this bench): ${Math.round(peak / 2 ** 20)} MB\n`,
);

await sql.end();
await sheaf.close();
await rm(directory, { recursive: true });
process.exit();

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return Math.round(records / ((performance.now() - begun) / 1000));
}

function cells(each: number[]): [string, string] {
  const median = [...each].sort((a, b) => a - b)[Math.floor(each.length / 2)]!;
  return [each.map((rate) => rate.toLocaleString('en')).join('  '), median.toLocaleString('en')];
}

async function throughSheaf(): Promise<void> {
  const client = new SheafClient({ baseUrl: sheaf.url, apiKey: sheaf.adminKey });
  const ticket = await client.createUpload();
  await client.putFile(ticket, file);
  const request = { handler: ticket.handler, operation: 'create_learner', on_invalid: 'skip' } as const;
  const { batch: id } = await client.createBatch({ ...request, hash: await hashFile(file) });
  const batch = await client.follow(id, { interval: 100 });
  if (batch.status !== 'completed') throw new Error(`the batch ended in ${batch.status}`);
  const { files } = await client.getResults(id);
  await client.download(files.find(({ kind }) => kind === 'all')!, join(directory, 'all.ndjson'));
  stages.length = 0;
  for (const [index, { status, ts }] of batch.statuses.entries()) {
    const next = batch.statuses[index + 1];
    if (next !== undefined) stages.push(`${status} ${(next.ts - ts).toFixed(2)} s`);
  }
}

async function afternoonLoop(): Promise<void> {
  const rows = createReadStream(file).pipe(
    parse({ columns: true, relax_column_count: true, relax_quotes: true, skip_records_with_error: true }),
  );
  let page: Record<string, unknown>[] = [];
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    const given: Record<string, unknown> = Object.fromEntries(
      Object.entries(row).filter(([, value]) => value !== ''),
    );
    if (given.score !== undefined) given.score = Number(given.score);
    if (createLearner.checkInput(given).length > 0) continue;
    page.push(given);
    if (page.length === 1000) {
      await insert(page);
      page = [];
    }
  }
  if (page.length > 0) await insert(page);
}

async function insert(page: Record<string, unknown>[]): Promise<void> {
  const rows = page.map((row) => ({
    account_id: ACCOUNT,
    ...Object.fromEntries(COLUMNS.map((column) => [column, row[column] ?? null])),
  }));
  await sql`insert into learners ${sql(rows as never)} on conflict do nothing`;
}
