import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Batch } from '../../src/api/schemas/batch.ts';
import { sampleLearners } from '../../src/cli/sample/learners.ts';
import { hashFile } from '../../src/client/hash-file.ts';
import { LAYOUTS, type LayoutName, type RunningLayout } from './layouts.ts';

const BAD = 317;

export interface Measured {
  layout: LayoutName;
  records: number;
  bytes: number;
  /** The most memory that each process ever had resident, in MB. */
  peaks: Record<string, number>;
  /** Seconds in each status that takes time. */
  seconds: Record<(typeof TIMED)[number], number>;
  /** From the request to the results. */
  total: number;
}

const TIMED = ['copying', 'validating', 'processing', 'writing_results'] as const;

/** Takes a file of so many records the whole way, in processes and on a disk that are fresh, and cleans up. */
export async function measure(layout: LayoutName, records: number): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-large-'));
  try {
    const file = join(directory, 'learners.csv');
    await pipeline(Readable.from(sampleLearners({ records, seed: 1, bad: BAD })), createWriteStream(file));
    const running = await LAYOUTS[layout](join(directory, 'data'));
    try {
      const batch = await throughSheaf(running, file);
      await checkResults(running, batch, records, join(directory, 'all.ndjson'));
      const { size: bytes } = await stat(file);
      return { layout, records, bytes, peaks: await peaksOf(running), ...timesOf(batch) };
    } finally {
      await running.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function throughSheaf({ client }: RunningLayout, file: string): Promise<Batch> {
  const handler = await client.uploadFile(file);
  const { batch } = await client.createBatch({
    handler,
    operation: 'create_learner',
    on_invalid: 'skip',
    hash: await hashFile(file),
  });
  let seen = '';
  return await client.follow(batch, {
    interval: 1000,
    onUpdate: ({ status }) => {
      if (status !== seen) process.stderr.write(`  ${status}\n`);
      seen = status;
    },
  });
}

async function checkResults(
  { client }: RunningLayout,
  batch: Batch,
  records: number,
  path: string,
): Promise<void> {
  const expected = { total: records, succeeded: records - BAD, failed: BAD, skipped: 0, unprocessed: 0 };
  if (batch.status !== 'completed' || JSON.stringify(batch.counts) !== JSON.stringify(expected)) {
    throw new Error(`the batch ended so: ${JSON.stringify(batch)}`);
  }
  const { files } = await client.getResults(batch.batch);
  await client.download(files.find(({ kind }) => kind === 'all')!, path);
  let lines = 0;
  for await (const piece of createReadStream(path)) {
    for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) lines += 1;
  }
  if (lines !== records) throw new Error(`${lines} lines of results for ${records} records`);
}

async function peaksOf({ processes }: RunningLayout): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (const { name, program } of processes) {
    const status = await readFile(`/proc/${program.child.pid}/status`, 'latin1');
    peaks[name] = Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
  }
  return peaks;
}

function timesOf({ statuses }: Batch): Pick<Measured, 'seconds' | 'total'> {
  const entered = (status: string) => statuses.findIndex((entry) => entry.status === status);
  const seconds = (status: string) => {
    const at = entered(status);
    return statuses[at + 1]!.ts - statuses[at]!.ts;
  };
  return {
    seconds: Object.fromEntries(TIMED.map((status) => [status, seconds(status)])) as Measured['seconds'],
    total: statuses.at(-1)!.ts - statuses[0]!.ts,
  };
}
