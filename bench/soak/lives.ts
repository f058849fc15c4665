import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '../../src/api/schemas/batch.ts';
import type { BatchRequest } from '../../src/api/schemas/batch-request.ts';
import type { SeededRandom } from '../../src/cli/sample/random.ts';
import { hashFile } from '../../src/client/hash-file.ts';
import { SheafError } from '../../src/client/sheaf-error.ts';
import type { Lineage } from './faults-of-file.ts';
import type { PatientClient } from './patient-client.ts';
import { FORMATS, idOf, isBad, OPERATIONS, type SourceFile, writeSource } from './source-file.ts';
import { isRefusedAtFirst, OPERATION } from './target.ts';

/** Who brings files and what happens to them. */
export interface Living {
  client: PatientClient;
  random: SeededRandom;
  directory: string;
  /** Like no other's. */
  prefix: string;
}

/** One course that the life of a file can take. @returns what to hold the results against, if there are any left */
type Life = (living: Living) => Promise<Lineage | null>;

/** Seconds that results are kept: few, so that they go while it runs, and enough to look at them on a busy machine. */
const KEEP_SECONDS = 600;
/** Longest that somebody waits before changing their mind. */
const MIND_MS = 6000;

export const LIVES: Record<string, Life> = {
  'to its end': async (living) => {
    const file = sourceFile(living);
    const batch = await living.client.ended(await submit(living, file));
    return { file, batches: [batch], mustSucceed: (record) => isDue(file, record) };
  },

  'a dry run': async (living) => {
    const file = sourceFile(living);
    const batch = await living.client.ended(await submit(living, file, { dry_run: true }));
    return { file, batches: [batch], mustSucceed: () => false };
  },

  'cancelled, and the rest retried': async (living) => {
    const file = sourceFile(living);
    const id = await submit(living, file);
    await sleep(living.random.integer(0, MIND_MS));
    await living.client.change(id, { status: 'cancel' }).catch(unlessTooLate);
    const batches = [await living.client.ended(id)];
    await retried(living, batches, 'unprocessed');
    return { file, batches, mustSucceed: (record) => isDue(file, record) };
  },

  'rejected, and its good records retried': async (living) => {
    const file = { ...sourceFile(living), operation: 'create_learner', withBad: true } as const;
    const batches = [await living.client.ended(await submit(living, file, { on_invalid: 'reject' }))];
    await retried(living, batches, 'unprocessed');
    return { file, batches, mustSucceed: (record) => isDue(file, record) };
  },

  'refused, and the failed retried': async (living) => {
    const file = { ...sourceFile(living), operation: OPERATION } as const;
    const small = { ...file, records: Math.min(file.records, MOST_CALLS) };
    const batches = [await living.client.ended(await submit(living, small))];
    await retried(living, batches, 'failed');
    return { file: small, batches, mustSucceed: () => true };
  },

  'stopped at a limit of failures, and resumed': async (living) => {
    const file = { ...sourceFile(living), operation: OPERATION } as const;
    const small = { ...file, records: Math.min(file.records, MOST_CALLS) };
    const id = await submit(living, small, { stop_after: { failures: 2 } });
    const first = await living.client.ended(id);
    if (first.status !== 'failed') return { file: small, batches: [first], mustSucceed: () => false };
    await living.client.change(id, { status: 'resume', stop_after: null }).catch(unlessResumed);
    const batch = await living.client.ended(id);
    return { file: small, batches: [batch], mustSucceed: (record) => isDue(small, record) };
  },

  'deleted on the way': async (living) => {
    const id = await submit(living, sourceFile(living));
    await sleep(living.random.integer(0, MIND_MS));
    await living.client.delete(id);
    await living.client.gone(id);
    return null;
  },
};

/** More requests than these take longer than everything else. */
const MOST_CALLS = 400;

/** Many small files, few large ones. */
function sourceFile({ random, prefix }: Living): SourceFile {
  const operation = random.pick(OPERATIONS);
  const size = random.pick([200, 200, 200, 3000, 3000, 30_000]);
  const records = random.integer(1, operation === OPERATION ? Math.min(size, MOST_CALLS) : size);
  return { prefix, operation, format: random.pick(FORMATS), records, withBad: random.oneIn(2) };
}

async function submit(
  { client, directory }: Living,
  file: SourceFile,
  request: Partial<BatchRequest> = {},
): Promise<string> {
  const path = join(directory, `${file.prefix}.${file.format}`);
  await writeSource(path, file);
  const { batch } = await client.create({
    handler: await client.upload(path),
    operation: file.operation,
    hash: await hashFile(path),
    on_invalid: 'skip',
    expires_after: KEEP_SECONDS,
    ...request,
  });
  return batch;
}

/** Adds a retry of the last of the batches, where it has such records. */
async function retried(
  { client }: Living,
  batches: Batch[],
  records: 'failed' | 'unprocessed',
): Promise<void> {
  const last = batches.at(-1)!;
  if (last.counts[records] === 0) return;
  const { batch } = await client.retry(last.batch, { records, on_invalid: 'skip' });
  batches.push(await client.ended(batch));
}

/** Nothing speaks against it: it is good, and it is not refused at first. */
function isDue(file: SourceFile, record: number): boolean {
  if (isBad(file, record)) return false;
  return file.operation !== OPERATION || !isRefusedAtFirst(idOf(file, record));
}

function unlessTooLate(error: unknown): void {
  if (!(error instanceof SheafError) || error.code !== 'not_cancellable') throw error;
}

/** It took effect when it was asked for the first time, and the answer was lost. */
function unlessResumed(error: unknown): void {
  if (!(error instanceof SheafError) || error.code !== 'not_resumable') throw error;
}
