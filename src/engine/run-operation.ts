import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { v5 as uuidv5 } from 'uuid';
import type { Caller } from '../core/access.ts';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Operation, OperationContext } from '../core/operation.ts';
import type { Gate } from './gate.ts';
import type { JournalEntry } from './ports/chunk-outcome.ts';
import { type KeepAnswer, KeyTaken } from './ports/request-stores.ts';
import type { SingleCalls } from './ports/single-calls.ts';
import { RecordFailed } from './record-failed.ts';
import { afterTry } from './tries.ts';
import { type TryOnce, tryInTransaction, tryOutside } from './try-single.ts';

export interface RunOperation {
  calls: SingleCalls;
  gate: Gate;
  log: Log;
}

/** An operation, called with one record. */
export interface SingleCall {
  operation: Operation;
  /** Of the record, checked. */
  input: unknown;
  /** Checked, with their defaults. */
  settings: unknown;
  /** What the client names the request by (`Idempotency-Key`). */
  key?: string | undefined;
}

/** Whoever calls waits for the answer: for this long a record that asks for it is tried again. */
const PATIENCE_MS = 5000;

const LEAST_WAIT_MS = 50;

/** How long the handler of an operation may take that does not say. */
const DEFAULT_TIMEOUT_SECONDS = 30;

/** Of keys of idempotency: records of calls never have the same as records of batches. */
const NAMESPACE = '5f0d3f0e-6c1f-4a51-9b0e-2a6c3f5d7e19';

/**
 * Runs an operation on one record, by the same path as in a batch. When it fails, whatever it wrote is undone.
 * @param keep with which answer the request is kept, should it come again
 * @returns the output
 * @throws {RecordFailed} @throws {RequestError} unavailable, outcome_unknown
 * @throws {KeyTaken} the same request took effect before
 */
export async function runOperation(
  engine: RunOperation,
  caller: Caller,
  call: SingleCall,
  keep?: KeepAnswer<unknown>,
): Promise<unknown> {
  const operation = withTimeout(call.operation);
  const record = { number: 1, input: call.input };
  const key = keyOf(caller, call);
  const context: OperationContext<unknown> = {
    accountId: caller.accountId,
    user: caller.user,
    batchId: null,
    settings: call.settings,
    idempotencyKey: () => key,
    signal: new AbortController().signal,
    log: engine.log,
  };
  const tryOnce: TryOnce =
    operation.effects === 'outside'
      ? (attempt) => tryOutside(engine, operation, { record, context, attempt })
      : () => tryInTransaction(engine, operation, { record, context, keep });
  if (operation.effects === 'outside') await engine.calls.note(operation.name);
  const output = await untilSettled(operation, tryOnce);
  if (operation.effects === 'outside' && keep !== undefined) await keepLater(engine, keep, output);
  return output;
}

/** What is done outside is done: its answer is kept afterwards. Where that fails, the key makes a repeat harmless. */
async function keepLater(
  { calls, log }: RunOperation,
  keep: KeepAnswer<unknown>,
  output: unknown,
): Promise<void> {
  try {
    await calls.keep(keep, output);
  } catch (error) {
    if (error instanceof KeyTaken) throw error;
    log.warn({ err: error }, 'the answer of a call could not be kept');
  }
}

async function untilSettled(operation: Operation, tryOnce: TryOnce): Promise<unknown> {
  const until = performance.now() + PATIENCE_MS;
  let entry: JournalEntry = NEW;
  for (;;) {
    const tried = await tryOnce(entry.attempts + 1);
    if ('waitSeconds' in tried) {
      await wait(tried.waitSeconds, until, () => notNow(operation, entry, tried.waitSeconds, tried.why));
      continue;
    }
    entry = afterTry(operation, entry, tried.result);
    const { result, dueSeconds } = entry;
    if (result?.status === 'succeeded') return result.output;
    const error = result!.error;
    if (entry.state === 'final') {
      if (error.code === 'outcome_unknown') throw new RequestError('outcome_unknown', error.message);
      throw new RecordFailed([error]);
    }
    await wait(dueSeconds, until, () => notNow(operation, entry, dueSeconds, error.message));
  }
}

const NEW: JournalEntry = {
  record: 1,
  state: 'waiting',
  attempts: 0,
  uncertain: false,
  dueSeconds: 0,
  result: null,
};

/** @throws {RequestError} at once, if it would take longer than anybody waits */
async function wait(seconds: number, until: number, late: () => RequestError): Promise<void> {
  const ms = Math.max(LEAST_WAIT_MS, seconds * 1000);
  if (performance.now() + ms > until) throw late();
  await sleep(ms);
}

function notNow(
  { name }: Operation,
  { uncertain }: JournalEntry,
  waitSeconds: number,
  why: string,
): RequestError {
  if (!uncertain)
    return new RequestError('unavailable', `${name} cannot be run now: ${why}`, [], waitSeconds);
  const detail =
    'the record was sent, and no answer told what came of it; with an Idempotency-Key the request can be sent again, else look whether it took effect';
  return new RequestError('outcome_unknown', detail, [], waitSeconds);
}

function withTimeout<O extends Operation>(operation: O): O {
  return { ...operation, limits: { timeoutSeconds: DEFAULT_TIMEOUT_SECONDS, ...operation.limits } };
}

/** The same for the same request, however often it comes, if the client names it. */
function keyOf({ accountId }: Caller, { operation, key }: SingleCall): string {
  return key === undefined ? randomUUID() : uuidv5(`${accountId} ${operation.name} ${key}`, NAMESPACE);
}
