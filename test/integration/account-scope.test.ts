import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountServices } from '../../src/account-services.ts';
import type { NewBatch } from '../../src/engine/ports/request-stores.ts';
import { actorFor } from '../support/actor.ts';
import { newBatch } from '../support/batch-row.ts';
import { testCaller } from '../support/caller.ts';
import { addAccount, addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The stores of one account, asked for what is another's: they answer as if it were not there, and change nothing. */

let sheaf: TestSheaf;
let stranger: AccountServices;
let upload: string;
let batch: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  stranger = sheaf.services.account(actorFor(testCaller({ accountId: await addAccount(sheaf.sql) })));
  upload = await sheaf.upload('learner_id\na\n');
  batch = await addBatch(sheaf, { status: 'processing', chunks: 1 });
});
afterAll(() => sheaf.close());

/** All that there is of both, and what was noted. */
const state = async () => ({
  upload: await sheaf.sql`select * from uploads where id = ${upload}`,
  batches: await sheaf.sql`select * from batches`,
  noted: await sheaf.sql`select * from audit_log`,
});

async function unchanged(asking: () => Promise<unknown>): Promise<unknown> {
  const before = await state();
  const answer = await asking().catch((error: { code?: string }) => error.code ?? error);
  expect(await state()).toEqual(before);
  return answer;
}

describe('of another account', () => {
  it.each<[string, () => Promise<unknown>, unknown]>([
    ['an upload is found', () => stranger.uploads.find(upload), null],
    ['an upload is taken back', () => stranger.uploads.invalidate(upload), 'handler_not_found'],
    ['an upload is completed', () => stranger.uploads.completed(upload, 1), false],
    [
      'parts are opened',
      () => stranger.uploads.openParts(upload, { multipartId: 'x', urlExpiresAt: 0 }),
      undefined,
    ],
    ['a batch is found', () => stranger.batches.find(batch), null],
    ['a batch is looked at', () => stranger.batches.look(batch), null],
    ['batches are listed', () => stranger.batches.list({ limit: 100 }), []],
    [
      'batches are searched for by their id',
      () => stranger.batches.list({ limit: 100, filters: { search: batch } }),
      [],
    ],
    ['a batch is cancelled', () => stranger.batches.change(batch, { status: 'cancel' }), 'batch_not_found'],
    ['metadata is set', () => stranger.batches.change(batch, { metadata: { a: 1 } }), 'batch_not_found'],
    ['a batch is deleted', () => stranger.batches.requestDeletion(batch), 'batch_not_found'],
    ['a batch is made of an upload', () => stranger.batches.create(batchOf(upload)), 'handler_not_found'],
  ])('no: %s', async (_what, ask, answer) => {
    expect(await unchanged(ask)).toEqual(answer);
  });

  it('an Idempotency-Key is another key', async () => {
    const request = { route: 'POST /x', key: 'k', fingerprint: 'f'.repeat(64) };
    const answer = (made: string) => ({ status: 200, headers: {}, body: made });
    await sheaf.account.calls.run('op', { request, answer }, async () => 'ours');
    expect(await stranger.idempotency.find(request)).toBeNull();
    expect(await stranger.calls.run('op', { request, answer }, async () => 'theirs')).toBe('theirs');
    expect((await sheaf.account.idempotency.find(request))?.answer.body).toBe('ours');
  });

  it('a read for a template is told its own account', async () => {
    const told = await stranger.reads.read(async ({ accountId }) => accountId);
    expect(told).not.toBe(sheaf.caller.accountId);
  });
});

it('the account itself finds all of it', async () => {
  expect(await sheaf.account.uploads.find(upload)).toMatchObject({ id: upload });
  expect(await sheaf.account.batches.look(batch)).toMatchObject({ id: batch });
  expect(await sheaf.account.batches.create(batchOf(upload))).toMatchObject({
    accountId: sheaf.caller.accountId,
    uploadId: upload,
  });
});

function batchOf(uploadId: string): NewBatch {
  return newBatch({ id: uuidv7(), uploadId });
}
