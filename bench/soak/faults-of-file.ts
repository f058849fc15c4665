import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Batch } from '../../src/api/schemas/batch.ts';
import type { ResultLine } from '../../src/core/result.ts';
import type { Ground } from './ground.ts';
import type { PatientClient } from './patient-client.ts';
import { idOf, type SourceFile } from './source-file.ts';
import { OPERATION } from './target.ts';

/** What was made of a file: a batch, and the retries of it in their order. */
export interface Lineage {
  file: SourceFile;
  batches: readonly Batch[];
  /** Which records must have succeeded in one of them. */
  mustSucceed: (record: number) => boolean;
}

/** What the results of a record say, all batches of its lineage taken together. */
interface Told {
  succeeded: number;
  /** Whether it may have taken effect although it failed. */
  uncertain: boolean;
}

const MOST_TOLD = 5;
const UNCERTAIN = ['outcome_unknown', 'worker_crashed'];

/** What is wrong with the accounting, with the results, or with what took effect. */
export async function faultsOfFile(
  ground: Pick<Ground, 'sql' | 'target'>,
  client: PatientClient,
  directory: string,
  { file, batches, mustSucceed }: Lineage,
): Promise<string[]> {
  const told = new Map<number, Told>();
  const faults: string[] = [];
  // One that was stopped before its records were counted has none to tell of.
  for (const batch of batches.filter(({ counts }) => counts.total !== null)) {
    const path = join(directory, `${batch.batch}.ndjson`);
    await client.download(batch.batch, path);
    faults.push(...(await faultsOfResults(batch, path, told)));
    await rm(path);
  }
  const begun = batches.some(({ counts }) => counts.total !== null);
  const effects = await effectsOf(ground, file);
  for (let record = 1; record <= file.records; record += 1) {
    const { succeeded = 0, uncertain = false } = told.get(record) ?? {};
    const took = effects.get(idOf(file, record)) ?? 0;
    const done = succeeded === 1 && took === 1;
    const undone = succeeded === 0 && (took === 0 || (took === 1 && uncertain));
    if (done || (undone && (uncertain || !begun || !mustSucceed(record)))) continue;
    faults.push(`record ${record} succeeded ${succeeded} times and took effect ${took} times`);
  }
  return faults.slice(0, MOST_TOLD);
}

/** Notes what the lines say of their records. */
async function faultsOfResults(
  { batch, counts }: Batch,
  path: string,
  told: Map<number, Told>,
): Promise<string[]> {
  const faults: string[] = [];
  const lines: Record<string, number> = { succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 };
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const line = JSON.parse(text) as ResultLine & { source_record?: number };
    number += 1;
    if (line.record !== number) faults.push(`${batch}: line ${number} is of record ${line.record}`);
    lines[line.status] = (lines[line.status] ?? 0) + 1;
    const record = line.source_record ?? line.record;
    const it = told.get(record) ?? { succeeded: 0, uncertain: false };
    if (line.status === 'succeeded') it.succeeded += 1;
    if (line.status === 'failed' && UNCERTAIN.includes(line.error.code)) it.uncertain = true;
    told.set(record, it);
  }
  const { total, ...byStatus } = counts;
  if (number !== total) faults.push(`${batch}: ${number} lines for ${total} records`);
  for (const [status, count] of Object.entries(byStatus)) {
    if (lines[status] === count) continue;
    faults.push(`${batch}: ${lines[status]} lines are ${status}, the batch counts ${count}`);
  }
  return faults;
}

async function effectsOf(
  { sql, target }: Pick<Ground, 'sql' | 'target'>,
  file: SourceFile,
): Promise<ReadonlyMap<string, number>> {
  if (file.operation === OPERATION) return target.effects;
  const rows = await sql<{ id: string; times: number }[]>`
    select learner_id as id, count(*)::int as times from learners
    where learner_id like ${`${file.prefix}-%`} group by learner_id`;
  return new Map(rows.map(({ id, times }) => [id, times]));
}
