import { expect } from 'vitest';
import { BATCH_EVENTS, type BatchStatus, isTerminal, TRANSITIONS } from '../../../src/core/batch.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import type { TestSheaf } from '../sheaf.ts';
import type { Verdict } from './file.ts';
import { checkResultFiles } from './result-files.ts';
import type { TrackedBatch } from './tracked-batch.ts';

interface StoredChunk {
  number: number;
  firstRecord: number;
  records: number;
  status: string;
  attempts: number;
  processed: boolean;
  /** Numbers of records that have their result before the chunk has: those of a run that was tried alone. */
  tried: number[];
  /** Numbers of records that are given up. */
  crashed: number[];
}

/** Statuses in which chunks settle; in any other nothing may be added to what the handler wrote. */
const WORKING: readonly BatchStatus[] = ['validating', 'processing'];

/** What holds of a batch at every moment, whatever has happened. */
export async function checkBatch(sheaf: TestSheaf, batch: TrackedBatch): Promise<void> {
  const row = await sheaf.account.batches.find(batch.id);
  const written = await writtenRecords(sheaf, batch.id);
  if (row === null) {
    expect(batch.deletionAsked, 'a batch that nobody deleted is not found').toBe(true);
    expect(written, 'a deleted batch goes on writing').toEqual(batch.seen.written);
    batch.seen.gone = true;
    return;
  }
  expect(batch.seen.gone, 'a batch that was gone is there again').toBe(false);
  expect(row.metadata).toEqual(batch.metadata);
  checkStatuses(batch, row);
  checkAccounting(batch, row);
  checkReason(row);
  await checkWritten(sheaf, batch, row, written);
  if (row.resultsReady && row.status !== 'deleting') await checkOnce(sheaf, batch, row, written);
  batch.seen.written = written;
}

async function writtenRecords(sheaf: TestSheaf, batchId: string): Promise<number[]> {
  const rows = await sheaf.sql<{ record: number }[]>`
    select record from written where batch_id = ${batchId} order by record`;
  return rows.map((row) => row.record);
}

/** Only legal transitions, and nothing of the past is rewritten. */
function checkStatuses(batch: TrackedBatch, row: BatchRow): void {
  const statuses = row.statuses.map((entry) => entry.status);
  expect(statuses.slice(0, batch.seen.statuses.length), 'the past was rewritten').toEqual(
    batch.seen.statuses,
  );
  expect(statuses[0]).toBe('new');
  expect(statuses.at(-1)).toBe(row.status);
  for (const [index, status] of statuses.slice(1).entries()) {
    const before = statuses[index]!;
    const legal = BATCH_EVENTS.some((event) => TRANSITIONS[before][event] === status);
    expect(legal, `${before} → ${status} is no transition`).toBe(true);
  }
  batch.seen.statuses = statuses;
}

function checkAccounting(batch: TrackedBatch, { counts, status }: BatchRow): void {
  const { total, ...parts } = counts;
  const sum = Object.values(parts).reduce((a, b) => a + b, 0);
  expect(Math.min(...Object.values(parts)), 'a negative count').toBeGreaterThanOrEqual(0);
  expect(sum, `the counts of a batch in ${status} do not add up`).toBe(total ?? 0);
  if (total !== null) expect(total).toBe(batch.plan.file.records.length);
}

function checkReason(row: BatchRow): void {
  if (['failed', 'validation_failed', 'hash_mismatch'].includes(row.status)) {
    expect(row.statusReason, `no reason in ${row.status}`).not.toBeNull();
  }
  if (row.status === 'failed') expect(row.failedFrom).toBe(row.statuses.at(-2)?.status);
}

/**
 * What the handler has written are exactly the records that count as succeeded, each once: neither less than what is
 * settled, nor more.
 */
async function checkWritten(
  sheaf: TestSheaf,
  batch: TrackedBatch,
  row: BatchRow,
  written: readonly number[],
): Promise<void> {
  const chunks = await sheaf.sql<StoredChunk[]>`
    select number, first_record as "firstRecord", records, status, attempts, part is not null as processed,
      coalesce(crashed, '[]') as crashed, array(
        select record from record_journal j where j.batch_id = c.batch_id and j.chunk = c.number and state = 'final'
        order by record) as tried
    from chunks c where batch_id = ${batch.id} order by number`;
  noteCrashed(batch, chunks);
  expect(row.counts.succeeded, 'succeeded, and written by the handler').toBe(written.length);
  if (!WORKING.includes(row.status)) {
    const running = chunks.filter((chunk) => chunk.status === 'running').map(({ number }) => number);
    expect(running, `chunks run in ${row.status}`).toEqual([]);
  }
  if (row.expired) {
    expect(written).toEqual(batch.seen.written);
    return;
  }
  checkExhausted(row, chunks, sheaf.services.settings.maxAttempts);
  const done = chunks.filter((chunk) => chunk.processed);
  const settled = chunks.flatMap(({ firstRecord, records, processed, tried }) =>
    processed ? Array.from({ length: records }, (_, index) => firstRecord + index) : tried,
  );
  expect(written).toEqual(settled.filter((record) => batch.verdicts?.[record - 1] === 'good'));
  if (batch.plan.execution === 'serial') {
    expect(
      done.map(({ number }) => number),
      'in the file’s order',
    ).toEqual(done.map((_, index) => index + 1));
  }
}

/** From then on the record fails, whatever its line says. */
function noteCrashed({ verdicts }: TrackedBatch, chunks: readonly StoredChunk[]): void {
  for (const record of chunks.flatMap(({ crashed }) => crashed)) {
    if (verdicts !== null && verdicts[record - 1] !== 'invalid') verdicts[record - 1] = 'crashed';
  }
}

/** A batch fails for the chunk that failed as often as it may; not for one that was done, or tried anew, since. */
function checkExhausted(
  { status, statusReason }: BatchRow,
  chunks: readonly StoredChunk[],
  most: number,
): void {
  const number = /^chunk (\d+) failed/.exec(statusReason?.message ?? '')?.[1];
  if (status !== 'failed' || statusReason?.code !== 'retries_exhausted' || number === undefined) return;
  const chunk = chunks[Number(number) - 1];
  expect(chunk?.status).toBe('waiting');
  expect(chunk?.attempts, 'attempts of a chunk that failed too often').toBeGreaterThanOrEqual(most);
}

/** A look at all files takes its time: once for each set of them. */
async function checkOnce(
  sheaf: TestSheaf,
  batch: TrackedBatch,
  row: BatchRow,
  written: readonly number[],
): Promise<void> {
  expect(isTerminal(row.status), `results in ${row.status}`).toBe(true);
  checkEnd(batch, row);
  const files = JSON.stringify(row.results);
  if (files === batch.seen.files) return;
  await checkResultFiles(sheaf, batch, row, written);
  batch.seen.files = files;
}

/** How a batch that has ended must have ended, by what was asked for and what is in its file. */
function checkEnd(
  { plan, verdicts, stopAfter, overwritten }: TrackedBatch,
  { status, counts }: BatchRow,
): void {
  const count = (...which: Verdict[]) => verdicts?.filter((verdict) => which.includes(verdict)).length ?? 0;
  if (status === 'hash_mismatch') {
    expect(plan.hash).toBe('wrong');
    expect(counts.total).toBeNull();
    return;
  }
  if (counts.total !== null) {
    expect(plan.hash, 'a file with another hash was copied').not.toBe('wrong');
    expect(overwritten, 'an overwritten upload was copied').toBe(false);
  }
  if (status === 'validation_failed') {
    const bad = count('invalid', 'crashed');
    expect(verdicts === null || (plan.on_invalid === 'reject' && bad > 0)).toBe(true);
    expect(counts).toMatchObject({ succeeded: 0, failed: bad });
  }
  if (status !== 'completed') return;
  expect(verdicts).not.toBeNull();
  expect(plan.on_invalid === 'reject' ? count('invalid') : 0, 'invalid records were let through').toBe(0);
  if (plan.dry_run) {
    expect(counts).toMatchObject({ succeeded: 0, failed: count('invalid', 'crashed') });
  } else {
    expect(counts).toMatchObject({
      succeeded: count('good'),
      failed: count('invalid', 'refused', 'crashed'),
      skipped: count('skipped'),
      unprocessed: 0,
    });
    expect(count('poison')).toBe(0);
  }
  if (stopAfter !== null && 'failures' in stopAfter) expect(counts.failed).toBeLessThan(stopAfter.failures);
}
