import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { ResultLine } from '../../src/core/result.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { faultOfLine } from './learner-file.ts';
import type { TestSheaf } from './sheaf.ts';

/** A file of learners, as `learnersCsv` makes it. */
export interface LearnerFile {
  prefix: string;
  records: number;
  isBad: (record: number) => boolean;
}

const MOST_TOLD = 10;

/**
 * The batch ended well, and every record of the file is there once: in the counts, in the results and in the table. In
 * flat memory, however many there are.
 */
export async function expectLearnersOnce(sheaf: TestSheaf, batch: BatchRow, file: LearnerFile) {
  const bad = Array.from({ length: file.records }, (_, n) => n + 1).filter(file.isBad).length;
  const good = file.records - bad;
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: file.records, succeeded: good, failed: bad, skipped: 0, unprocessed: 0 },
  });
  expect(await faultsOfResults(sheaf, batch, file)).toEqual([]);
  const [rows] = await sheaf.sql`
    select count(*)::int as rows, count(distinct learner_id)::int as ids from learners
    where learner_id like ${`${file.prefix}%`}`;
  // The results name each of them: as many rows as that are just those.
  expect(rows).toEqual({ rows: good, ids: good });
}

async function faultsOfResults(sheaf: TestSheaf, batch: BatchRow, file: LearnerFile): Promise<string[]> {
  const all = batch.results?.find(({ kind, format }) => kind === 'all' && format === 'ndjson');
  if (all === undefined) return ['there is no file of all results'];
  const hash = createHash('sha256');
  const body = await sheaf.objectStream(all.key);
  body.on('data', (piece) => hash.update(piece));
  const faults: string[] = [];
  let lines = 0;
  for await (const line of createInterface({ input: body })) {
    lines += 1;
    const fault = faultOfLine(JSON.parse(line) as ResultLine, file.prefix, lines, file.isBad);
    if (fault !== null && faults.length < MOST_TOLD) faults.push(fault);
  }
  if (lines !== file.records) faults.push(`${lines} lines instead of ${file.records}`);
  if (hash.digest('hex') !== all.sha256) faults.push('the bytes are not those that the batch names');
  return faults;
}
