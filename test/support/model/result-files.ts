import { parse } from 'csv-parse/sync';
import { expect } from 'vitest';
import type { ResultLine } from '../../../src/core/result.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import { sha256, type TestSheaf } from '../sheaf.ts';
import type { Verdict } from './file.ts';
import type { TrackedBatch } from './tracked-batch.ts';

type RecordStatus = ResultLine['status'];

/** What may be said of a record at the end. */
const ALLOWED: Record<Verdict, RecordStatus[]> = {
  invalid: ['failed', 'unprocessed'],
  good: ['succeeded', 'unprocessed'],
  refused: ['failed', 'unprocessed'],
  poison: ['unprocessed'],
  skipped: ['skipped', 'unprocessed'],
  crashed: ['failed', 'unprocessed'],
};

/** Every file is what it is said to be; all of them, the counts and the handler's table say the same of each record. */
export async function checkResultFiles(
  sheaf: TestSheaf,
  batch: TrackedBatch,
  row: BatchRow,
  written: readonly number[],
): Promise<void> {
  const { counts, results } = row;
  if (counts.total === null) {
    expect(results).toEqual([]);
    return;
  }
  const expected: Record<string, number> = {
    ...counts,
    total: counts.total,
    all: counts.total,
    errors: counts.failed,
  };
  await Promise.all(
    (results ?? []).map(async (file) => {
      const bytes = await sheaf.object(file.key);
      expect({ bytes: bytes.length, sha256: sha256(bytes) }).toEqual({
        bytes: file.bytes,
        sha256: file.sha256,
      });
      const records = file.kind === 'manifest' ? counts.total : expected[file.kind];
      expect(file.records, `records in ${file.kind}.${file.format}`).toBe(records);
      if (file.kind === 'manifest') expect(JSON.parse(bytes.toString()).counts).toEqual(counts);
      if (file.kind === 'all') checkStatuses(batch, row, statusesIn(bytes.toString(), file.format), written);
    }),
  );
  for (const format of row.resultsFormats) {
    const all = results?.filter((file) => file.kind === 'all' && file.format === format);
    // Tables repeat what the client sent, which is not there any more.
    if (batch.inputDamaged && format === 'csv' && all?.length === 0) continue;
    expect(all, `all.${format} of a batch in ${row.status}`).toHaveLength(1);
  }
}

function checkStatuses(
  batch: TrackedBatch,
  { counts }: BatchRow,
  statuses: readonly { record: number; status: RecordStatus }[],
  written: readonly number[],
): void {
  expect(statuses.map(({ record }) => record)).toEqual(batch.plan.file.records.map((_, index) => index + 1));
  const having = (status: RecordStatus) =>
    statuses.filter((line) => line.status === status).map(({ record }) => record);
  expect(having('succeeded'), 'succeeded in the results, and written by the handler').toEqual(written);
  expect(counts).toMatchObject({
    succeeded: having('succeeded').length,
    failed: having('failed').length,
    skipped: having('skipped').length,
    unprocessed: having('unprocessed').length,
  });
  batch.seen.outcomes = statuses.map(({ status }) => status);
  for (const { record, status } of statuses) {
    const verdict = batch.verdicts?.[record - 1];
    if (verdict !== undefined) expect(ALLOWED[verdict], `record ${record} is ${verdict}`).toContain(status);
  }
}

function statusesIn(text: string, format: string): { record: number; status: RecordStatus }[] {
  if (format === 'ndjson') {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ResultLine);
  }
  const rows = parse(text, { columns: true, bom: true, relax_column_count: true }) as {
    _record: string;
    _status: RecordStatus;
  }[];
  return rows.map((row) => ({ record: Number(row._record), status: row._status }));
}
