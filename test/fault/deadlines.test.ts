import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { BATCH_STATUSES, type BatchStatus, isTerminal, type Stage } from '../../src/core/batch.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { clearAway } from '../../src/engine/clear-away.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { BatchStage, KnownOperations } from '../../src/engine/ports/claims.ts';
import { sweep } from '../../src/engine/sweep.ts';
import { holdLearner } from '../support/held-lock.ts';
import { learnerId, learnersCsv } from '../support/learner-file.ts';
import { letBackoffPass, letLeasesExpire, letTombstonesAge, neglect } from '../support/model/clock.ts';
import { serveOneStep } from '../support/one-step.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { silentLog } from '../support/silent-log.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/** Whatever waits has a deadline, and something that acts on it: docs/running-out.md has the list. */

const PATIENT = { timeout: 300_000 };
const OPERATION = 'create_learner';
const KNOWN: KnownOperations = { names: [OPERATION], versions: [1] };

let sheaf: TestSheaf;
const workers: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await sheaf?.close();
});

/** What becomes of a batch that nobody works on for `SHEAF_STALLED_SECONDS`; a terminal one waits for nothing. */
const NEGLECTED: Record<BatchStatus, 'failed' | 'alarm' | null> = {
  new: 'failed',
  copying: 'failed',
  copied: 'failed',
  hash_mismatch: null,
  validating: 'failed',
  validation_failed: null,
  processing: 'failed',
  processed: 'failed',
  writing_results: 'failed',
  completed: null,
  cancel: 'alarm',
  cancelling: 'alarm',
  cancelled: null,
  deleting: 'alarm',
  failed: null,
};

/** And what it comes to once there is a worker again, and whoever sees it failed resumes it. */
const IN_THE_END: Partial<Record<BatchStatus, BatchStatus | 'gone'>> = {
  cancel: 'cancelled',
  cancelling: 'cancelled',
  deleting: 'gone',
};

const WAITING = BATCH_STATUSES.filter((status) => NEGLECTED[status] !== null);

const step = (stage: Stage) => serveOneStep(sheaf, stage, KNOWN);

/** A worker begins with it, and is never heard of again. */
const abandoned = async (stage: BatchStage, batchId: string) =>
  expect(await sheaf.services.work.claimBatch(stage, KNOWN, { batchId })).not.toBeNull();

const csv = (prefix: string) => learnersCsv(prefix, 5);
const submit = async (file: string | Buffer) => await sheaf.submit(await sheaf.upload(file));

async function upTo(...stages: Stage[]): Promise<string> {
  const id = await submit(csv(`p${stages.length}x`));
  for (const stage of stages) await step(stage);
  return id;
}

/** How a batch comes to stand in each of them, with nobody left who does anything about it. */
const LEFT_IN: Partial<Record<BatchStatus, () => Promise<string>>> = {
  new: () => submit(csv('n')),
  copying: async () => {
    const id = await submit(csv('o'));
    await abandoned('copy', id);
    return id;
  },
  copied: async () => {
    const id = await submit(gzipSync(csv('g')));
    await step('copy');
    return id;
  },
  validating: () => upTo('copy'),
  processing: () => upTo('copy', 'validate'),
  processed: () => upTo('copy', 'validate', 'process'),
  writing_results: async () => {
    const id = await upTo('copy', 'validate', 'process');
    await abandoned('write_results', id);
    return id;
  },
  cancel: async () => {
    const id = await upTo('copy', 'validate');
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    return id;
  },
  cancelling: async () => {
    const id = await upTo('copy', 'validate');
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    await abandoned('write_results', id);
    return id;
  },
  deleting: async () => {
    const id = await upTo('copy', 'validate', 'process', 'write_results');
    await deleteBatch(sheaf.engine, id);
    return id;
  },
};

/** Of all batches and whatever else has a moment to wait for: it has passed. */
async function letEverythingPass(): Promise<void> {
  const { sql } = sheaf;
  await letLeasesExpire(sql);
  await letBackoffPass(sql);
  await neglect(sql);
}

/** One sweep, both halves of it, by a process that does nothing else. @returns what it has alarmed of */
async function sweepAlone(): Promise<{ batch?: string; message: string }[]> {
  const alarms: { batch?: string; message: string }[] = [];
  const error = (about: { batch?: string }, message: string) => void alarms.push({ ...about, message });
  const log = { ...silentLog, error };
  await sweep({ ...sheaf.services, log, queue: { ...sheaf.services.queue, enqueue: async () => undefined } });
  await clearAway({ ...sheaf.services, log });
  return alarms;
}

async function statusOf(id: string): Promise<BatchStatus | 'gone'> {
  const [row] = await sheaf.sql<{ status: BatchStatus; deleted: boolean }[]>`
    select status, deleted_at is not null as deleted from batches where id = ${id}`;
  return row === undefined || row.deleted ? 'gone' : row.status;
}

async function until(id: string, status: BatchStatus | 'gone'): Promise<void> {
  while ((await statusOf(id)) !== status) await sleep(50);
}

describe('a batch that nobody works on', PATIENT, () => {
  it('waits in every status that is not terminal, and in no other', () => {
    for (const status of BATCH_STATUSES)
      expect([status, NEGLECTED[status] === null]).toEqual([status, isTerminal(status)]);
    expect(Object.keys(LEFT_IN).sort()).toEqual([...WAITING].sort());
  });

  it.each(WAITING)(
    'in %s: fails or alarms when its time is over, and comes to its end with a worker',
    async (status) => {
      sheaf = await openTestSheaf();
      const id = await LEFT_IN[status]!();
      expect(await statusOf(id)).toBe(status);

      expect(await sweepAlone()).toEqual([]);
      expect(await statusOf(id)).toBe(status);
      await letEverythingPass();
      const message = `no worker has done anything for the batch in ${status} for 86400 seconds`;
      expect(await sweepAlone()).toEqual([{ batch: id, message }]);

      if (NEGLECTED[status] === 'failed') {
        expect(await sheaf.batch(id)).toMatchObject({
          status: 'failed',
          statusReason: { code: 'stalled', message },
        });
        await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'resume' });
      } else {
        expect(await statusOf(id)).toBe(status);
      }
      await sheaf.startWorkers();
      await until(id, IN_THE_END[status] ?? 'completed');
    },
  );
});

describe('what waits besides', PATIENT, () => {
  it('a wish to delete, a tombstone, an upload that nobody uses: a sweep sees to each', async () => {
    sheaf = await openTestSheaf();
    const { sql } = sheaf;
    const unused = await sheaf.upload(csv('u'));
    const id = await upTo('copy', 'validate', 'process');
    await abandoned('write_results', id);
    // Too late to be cancelled: the wish has to wait for the end.
    await deleteBatch(sheaf.engine, id);
    expect(await statusOf(id)).toBe('writing_results');
    await letEverythingPass();
    await sql`update uploads set url_expires_at = now() - interval '1 day', expires_at = now() - interval '1 day'`;
    await sweepAlone();
    const [upload] = await sql<{ removed: boolean }[]>`
      select removed_at is not null as removed from uploads where id = ${unused}`;
    expect(upload).toEqual({ removed: true });

    // It has failed by then, which is an end.
    expect(await statusOf(id)).toBe('deleting');
    await step('remove');
    expect(await statusOf(id)).toBe('gone');
    await letTombstonesAge(sql);
    await sweepAlone();
    await step('remove');
    expect(await sql`select from batches where id = ${id}`).toHaveLength(0);
    expect(await sheaf.keys('')).toEqual([]);
  });
});

/** What is promised where there is time for it: five more than the lease and a sweep, as they are set, take at the most. */
const PROMISED_SECONDS = 30;
/** What it may take longer while other tests run beside it. */
const BUSY_SECONDS = 60;

describe('a dead worker’s chunk, at default settings', PATIENT, () => {
  it('is running again once its lease is over and a sweep has come by, with nobody’s help', async () => {
    sheaf = await openTestSheaf();
    const { SHEAF_LEASE_SECONDS, SHEAF_SWEEP_SECONDS } = readConfig({});
    expect(SHEAF_LEASE_SECONDS + SHEAF_SWEEP_SECONDS).toBeLessThanOrEqual(PROMISED_SECONDS - 5);
    const records = 5000;
    const defaults = { SHEAF_LEASE_SECONDS: '', SHEAF_SWEEP_SECONDS: '' };
    // Two are left, as in docker-compose.yml: either of them comes by.
    workers.push(...(await Promise.all([0, 1, 2].map(() => startWorkerProcess(sheaf, defaults)))));
    const lock = await holdLearner(sheaf, learnerId('d', 1500));
    const id = await submit(learnersCsv('d', records));
    const { role } = await lock.waiter('chunk');
    const running = async () => {
      const [chunk] = await sheaf.sql<{ lease: string | null }[]>`
        select lease from chunks where batch_id = ${id} and number = 3`;
      return chunk?.lease ?? null;
    };
    const lease = await running();
    await workers.find((worker) => worker.role === role)!.kill();
    const died = performance.now();
    for (let now = lease; now === null || now === lease; now = await running()) await sleep(50);
    const seconds = (performance.now() - died) / 1000;
    process.stdout.write(`running again ${seconds.toFixed(1)} seconds after its worker was killed\n`);
    expect(seconds).toBeLessThan(PROMISED_SECONDS + BUSY_SECONDS);
    await lock.waiter('chunk', { not: role });
    await lock.release();
    expect(await sheaf.ended(id)).toMatchObject({ status: 'completed', counts: { succeeded: records } });
  });
});
