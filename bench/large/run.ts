import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '../../src/api/schemas/batch.ts';
import { hashFile } from '../../src/client/hash-file.ts';
import { LAYOUTS, type LayoutName, type RunningLayout } from './layouts.ts';
import { BAD, type SampleFormat, writeSample } from './sample-file.ts';

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

/** In `copied` a workbook is converted. */
const TIMED = ['copying', 'copied', 'validating', 'processing', 'writing_results'] as const;

/** Takes a file of so many records the whole way, in processes and on a disk that are fresh, and cleans up. */
export async function measure(layout: LayoutName, format: SampleFormat, records: number): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-large-'));
  try {
    const file = join(directory, `learners.${format}`);
    await writeSample(file, format, records);
    const running = await LAYOUTS[layout](join(directory, 'data'));
    try {
      const batch = await throughSheaf(running, file, format);
      await checkResults(running, batch, { records, bad: BAD[format] }, join(directory, 'all.ndjson'));
      const { size: bytes } = await stat(file);
      return { layout, records, bytes, peaks: await peaksOf(running), ...timesOf(batch) };
    } finally {
      await running.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function throughSheaf({ client }: RunningLayout, file: string, format: SampleFormat): Promise<Batch> {
  const handler = await client.uploadFile(file);
  const { batch } = await client.createBatch({
    handler,
    operation: 'create_learner',
    on_invalid: 'skip',
    results_format: format === 'csv' ? ['ndjson'] : ['ndjson', 'xlsx'],
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
  { records, bad }: { records: number; bad: number },
  path: string,
): Promise<void> {
  const expected = { total: records, succeeded: records - bad, failed: bad, skipped: 0, unprocessed: 0 };
  if (batch.status !== 'completed' || JSON.stringify(batch.counts) !== JSON.stringify(expected)) {
    throw new Error(`the batch ended so: ${JSON.stringify(batch)}`);
  }
  const { files } = await client.getResults(batch.batch);
  await client.download(files.find(({ kind, format }) => kind === 'all' && format === 'ndjson')!, path);
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
