import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PermanentFault } from '../../src/core/errors.ts';
import type { BatchPatch } from '../../src/engine/change-batch.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { statuses } from '../support/statuses.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '2', SHEAF_MAX_ATTEMPTS: '1' },
    { operations: [held.operation] },
  );
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const resume = (id: string, patch: BatchPatch = {}) =>
  changeBatch(sheaf.engine, sheaf.caller, id, { status: 'resume', ...patch });
const run = (rows: readonly string[], options = {}) =>
  sheaf.run(heldCsv(rows), { operation: 'hold', execution: 'serial', ...options });

describe('a batch that failed while processing', () => {
  it('goes on with what was not settled, and nothing is done twice', async () => {
    held.before = async ({ records }) => {
      if (records[0] === 3) throw new PermanentFault('handler_broken', 'broken for the test');
    };
    const failed = await run(heldIds('res', 6));
    expect(failed).toMatchObject({
      status: 'failed',
      failedFrom: 'processing',
      statusReason: { code: 'handler_broken' },
      counts: { total: 6, succeeded: 2, unprocessed: 4 },
    });
    held.before = async () => undefined;
    held.calls.length = 0;
    const resumed = await resume(failed.id);
    expect(resumed).toMatchObject({ statusReason: null, failedFrom: null, resultsReady: false });
    const batch = await sheaf.ended(failed.id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 6, succeeded: 6, unprocessed: 0 } });
    expect(statuses(batch).slice(-5)).toEqual([
      'failed',
      'processing',
      'processed',
      'writing_results',
      'completed',
    ]);
    expect(held.calls.flatMap((call) => call.records)).toEqual([3, 4, 5, 6]);
    expect((await sheaf.lines(batch)).map((line) => line.status)).toEqual(Array(6).fill('succeeded'));
  });

  it('fails with the same reason again where nothing was mended', async () => {
    held.before = async () => {
      throw new Error('broken for the test');
    };
    const failed = await run(heldIds('same', 2));
    expect(failed.statusReason?.code).toBe('retries_exhausted');
    await resume(failed.id);
    const again = await sheaf.ended(failed.id);
    expect(statuses(again).filter((status) => status === 'failed')).toHaveLength(2);
    expect(again).toMatchObject({ status: 'failed', counts: { total: 2, unprocessed: 2 } });
  });
});

describe('the limit of failures', () => {
  it('ends the batch, keeps what has settled, and lets it go on with a higher one only', async () => {
    const rows = ['lim1', 'bad', 'lim2', 'bad', 'lim3', 'lim4', 'bad', 'lim5'];
    const failed = await run(rows, { stop_after: { failures: 2 } });
    expect(failed).toMatchObject({
      status: 'failed',
      failedFrom: 'processing',
      statusReason: { code: 'failure_limit' },
      counts: { total: 8, succeeded: 2, failed: 2, unprocessed: 4 },
    });
    await expect(resume(failed.id)).rejects.toMatchObject({ code: 'not_resumable' });
    await expect(resume(failed.id, { stop_after: { failures: 2 } })).rejects.toMatchObject({
      code: 'not_resumable',
    });
    expect((await sheaf.batch(failed.id)).status).toBe('failed');

    await resume(failed.id, { stop_after: { failures: 4 } });
    const batch = await sheaf.ended(failed.id);
    expect(batch).toMatchObject({
      status: 'completed',
      stopAfter: { failures: 4 },
      counts: { total: 8, succeeded: 5, failed: 3, unprocessed: 0 },
    });
  });

  it('counts invalid records, so that nothing is processed if they are too many already', async () => {
    const long = 'x'.repeat(21);
    const failed = await run(['inv1', long, long, 'inv2'], {
      on_invalid: 'skip',
      stop_after: { failures: 2 },
    });
    expect(failed).toMatchObject({
      status: 'failed',
      failedFrom: 'validating',
      counts: { total: 4, succeeded: 0, failed: 2, unprocessed: 2 },
    });
    expect(held.calls).toEqual([]);
    await resume(failed.id, { stop_after: null });
    const batch = await sheaf.ended(failed.id);
    expect(batch).toMatchObject({
      status: 'completed',
      stopAfter: null,
      counts: { succeeded: 2, failed: 2 },
    });
    expect(statuses(batch).slice(4, 8)).toEqual(['failed', 'copied', 'validating', 'processing']);
  });

  it('as a share is not looked at before enough records are settled', async () => {
    const few = await run(['bad', 'bad', 'shr1', 'shr2'], { stop_after: { share: 0.5, min_records: 5 } });
    expect(few).toMatchObject({ status: 'completed', counts: { failed: 2, succeeded: 2 } });
    const many = await run(['bad', 'bad', 'shr3', 'shr4', 'shr5', 'shr6'], {
      stop_after: { share: 0.5, min_records: 2 },
    });
    expect(many).toMatchObject({ status: 'failed', counts: { failed: 2, unprocessed: 4 } });
  });
});

describe('what cannot go on', () => {
  it('a batch in another status', async () => {
    const batch = await run(['other1']);
    await expect(resume(batch.id)).rejects.toMatchObject({ code: 'not_resumable' });
  });

  it('one whose upload was overwritten', async () => {
    const handler = await sheaf.upload(heldCsv(['over1']));
    const [upload] = await sheaf.sql`select object_key from uploads where id = ${handler}`;
    await sheaf.sql`update uploads set object_key = object_key where id = ${handler}`;
    const id = await sheaf.submit(handler, { operation: 'hold' });
    await sheaf.ended(id);
    await sheaf.sql`
      update batches set status = 'failed', failed_from = 'copying',
        status_reason = ${sheaf.sql.json({ code: 'upload_changed', message: 'for the test' })} where id = ${id}`;
    expect(upload).toBeDefined();
    await expect(resume(id)).rejects.toMatchObject({ code: 'not_resumable' });
  });

  it('one that is to be deleted, and one whose files have expired', async () => {
    held.before = async () => {
      throw new PermanentFault('handler_broken', 'broken for the test');
    };
    const failed = await run(['gone1']);
    await sheaf.sql`update batches set expired_at = now() where id = ${failed.id}`;
    await expect(resume(failed.id)).rejects.toMatchObject({ code: 'not_resumable' });
  });

  it('a copy whose upload another batch has used meanwhile', async () => {
    const handler = await sheaf.upload(heldCsv(['taken1']));
    const first = await sheaf.ended(await sheaf.submit(handler, { operation: 'hold', dry_run: true }));
    await sheaf.ended(await sheaf.submit(handler, { operation: 'hold' }));
    await sheaf.sql`
      update batches set status = 'failed', failed_from = 'new',
        status_reason = ${sheaf.sql.json({ code: 'stalled', message: 'for the test' })} where id = ${first.id}`;
    await expect(resume(first.id)).rejects.toMatchObject({ code: 'upload_used' });
  });
});
