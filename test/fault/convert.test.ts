import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { RetryableFault } from '../../src/core/errors.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { gate } from '../support/gate.ts';
import { faultsOfLines, learnersCsv } from '../support/learner-file.ts';
import { xlsxOf } from '../support/learner-forms.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { GOOD_WAY, statuses } from '../support/statuses.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/** A conversion that is broken off in the middle: it begins again, or leaves nothing behind. */

const PATIENT = { timeout: 300_000 };
const PREFIX = 'c';

let sheaf: TestSheaf;
const workers: WorkerProcess[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await sheaf.close();
});

async function expectEachOnce(batch: BatchRow, records: number): Promise<void> {
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: records, succeeded: records, failed: 0, skipped: 0, unprocessed: 0 },
  });
  const lines = await sheaf.lines(batch);
  expect(faultsOfLines(lines, PREFIX, records).slice(0, 10)).toEqual([]);
  expect(await sheaf.sql`select count(*)::int as rows from learners`).toEqual([{ rows: records }]);
}

describe('a worker that is killed with -9 while it converts', PATIENT, () => {
  const RECORDS = 100_000;
  /** How long after a conversion has begun; a whole one takes about a second. */
  const STRIKES_MS = [0, 100, 300];

  /** Waits for a conversion other than that of this lease. @returns its lease; null when the batch is further */
  async function conversion(id: string, before: string | null): Promise<string | null> {
    for (;;) {
      const [row] = await sheaf.sql<{ status: string; stage: string | null; lease: string | null }[]>`
        select status, stage, lease from batches where id = ${id}`;
      if (row!.stage === 'convert' && row!.lease !== null && row!.lease !== before) return row!.lease;
      if (GOOD_WAY.indexOf(row!.status as 'new') > GOOD_WAY.indexOf('copied')) return null;
      await sleep(3);
    }
  }

  it.each([
    ['compressed CSV', (csv: string) => gzipSync(csv, { level: 1 })],
    ['a workbook', xlsxOf],
  ])('%s: another one converts it from the start, and each record is done once', async (_, made) => {
    sheaf = await openTestSheaf();
    const settings = { SHEAF_CHUNK_RECORDS: '20000', SHEAF_LEASE_SECONDS: '2', SHEAF_MAX_ATTEMPTS: '100' };
    workers.push(await startWorkerProcess(sheaf, settings));
    const id = await sheaf.submit(await sheaf.upload(made(learnersCsv(PREFIX, RECORDS))));
    const leases = new Set<string>();
    let lease: string | null = null;
    for (const laterMs of STRIKES_MS) {
      lease = await conversion(id, lease);
      if (lease === null) break;
      await sleep(laterMs);
      await workers.pop()!.kill();
      const [left] = await sheaf.sql`select stage from batches where id = ${id} and lease = ${lease}`;
      if (left?.stage === 'convert') leases.add(lease);
      workers.push(await startWorkerProcess(sheaf, settings));
    }
    process.stdout.write(`struck in ${leases.size} conversions\n`);
    expect(leases.size).toBeGreaterThan(0);

    const batch = await sheaf.ended(id);
    expect(statuses(batch)).toEqual(GOOD_WAY);
    await expectEachOnce(batch, RECORDS);
    const [row] = await sheaf.sql<{ key: string }[]>`select input_key as key from batches where id = ${id}`;
    const [, converter] = /\/converted\/(.*)$/.exec(row!.key) ?? [];
    expect(leases).not.toContain(converter);
    expect(await sheaf.keys(`batches/${id}/converted/`)).toContain(row!.key);
  });
});

describe('while a batch is converted', () => {
  const FILE = gzipSync(learnersCsv(PREFIX, 100));

  /** Holds the conversion back where it reads the private copy for the second time: the first proves the copy. */
  async function heldConversion() {
    const door = gate();
    sheaf = await openTestSheaf();
    const { objects } = sheaf.services;
    const read = objects.read.bind(objects);
    let reads = 0;
    objects.read = async (key, options) => {
      if (/\/input\//.test(key)) reads += 1;
      if (reads === 2) await door.wait();
      return await read(key, options);
    };
    await sheaf.startWorkers();
    const id = await sheaf.submit(await sheaf.upload(FILE));
    await door.arrived;
    return { id, door };
  }

  it('it is cancelled: no record was counted, none is done, and what the conversion does then is nothing', async () => {
    const { id, door } = await heldConversion();
    expect(await sheaf.batch(id)).toMatchObject({ status: 'copied', counts: { total: null } });
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    const batch = await sheaf.ended(id);
    expect(statuses(batch)).toEqual(['new', 'copying', 'copied', 'cancel', 'cancelling', 'cancelled']);
    expect(batch.counts).toEqual({ total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 });
    expect(batch.results).toEqual([]);
    door.open();
    await sheaf.run('learner_id\nnext\n');
    expect(await sheaf.batch(id)).toEqual(batch);
    expect(await sheaf.sql`select learner_id from learners`).toEqual([{ learner_id: 'next' }]);
  });

  it('it is deleted: nothing of it stays, whatever the conversion does then', async () => {
    const { id, door } = await heldConversion();
    expect(await deleteBatch(sheaf.engine, id)).toEqual({ status: 'cancel' });
    while ((await sheaf.account.batches.find(id)) !== null) await sleep(20);
    door.open();
    await sheaf.run('learner_id\nnext\n');
    expect(await sheaf.keys(`batches/${id}/`)).toEqual([]);
  });
});

describe('a conversion that fails', () => {
  const RECORDS = 5000;
  const FILE = gzipSync(learnersCsv(PREFIX, RECORDS));
  const away = new RetryableFault('the store is away, for the test');

  /** Runs a batch to its end, with services that were tampered with before. */
  async function ended(tamper: (services: TestSheaf['services']) => void): Promise<BatchRow> {
    sheaf = await openTestSheaf({ SHEAF_MAX_ATTEMPTS: '1' });
    tamper(sheaf.services);
    await sheaf.startWorkers();
    return await sheaf.run(FILE);
  }

  async function* half(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of stream) {
      yield piece.subarray(0, 100);
      throw away;
    }
  }

  async function expectResumed(failed: BatchRow): Promise<void> {
    expect(failed).toMatchObject({
      status: 'failed',
      failedFrom: 'copied',
      statusReason: { code: 'retries_exhausted' },
      counts: { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
      results: [],
    });
    await changeBatch(sheaf.engine, sheaf.caller, failed.id, { status: 'resume' });
    const batch = await sheaf.ended(failed.id);
    expect(statuses(batch)).toEqual(['new', 'copying', 'copied', 'failed', ...GOOD_WAY.slice(2)]);
    await expectEachOnce(batch, RECORDS);
  }

  it('as the store did not give the private copy, is resumed', async () => {
    let failures = 1;
    const failed = await ended(({ objects }) => {
      const read = objects.read.bind(objects);
      objects.read = async (key, options) => {
        if (/\/input\//.test(key) && failures-- > 0) throw away;
        return await read(key, options);
      };
    });
    await expectResumed(failed);
  });

  // The first proves the private copy, the next ones look at its beginning, the last one takes all of it.
  it.each([1, 2, 3, 4])('as the store broke off its read number %i, is resumed', async (broken) => {
    let reads = 0;
    const failed = await ended(({ objects }) => {
      const read = objects.read.bind(objects);
      objects.read = async (key, options) => {
        const stream = await read(key, options);
        if (/\/input\//.test(key)) reads += 1;
        return reads === broken ? Readable.from(half(stream)) : stream;
      };
    });
    await expectResumed(failed);
  });

  it('as the store did not take the converted file, is resumed', async () => {
    let failures = 1;
    const failed = await ended(({ objects }) => {
      const putStream = objects.putStream.bind(objects);
      objects.putStream = async (key, body, options) => {
        if (/\/converted\//.test(key) && failures-- > 0) throw away;
        await putStream(key, body, options);
      };
    });
    await expectResumed(failed);
  });

  it.each([
    ['another', 'input_changed', Buffer.alloc(FILE.length)],
    ['gone', 'input_gone', null],
  ])('as the private copy is %s, cannot go on', async (_, code, put) => {
    const failed = await ended(({ work, objects }) => {
      const finish = work.finishCopy;
      work.finishCopy = async (claim, input) => {
        if (put === null) await objects.removeAll(input.inputKey);
        else await objects.put(input.inputKey, put);
        await finish(claim, input);
      };
    });
    expect(failed).toMatchObject({
      status: 'failed',
      failedFrom: 'copied',
      statusReason: { code },
      counts: { total: null },
    });
    const resume = changeBatch(sheaf.engine, sheaf.caller, failed.id, { status: 'resume' });
    await expect(resume).rejects.toMatchObject({ code: 'not_resumable' });
  });
});
