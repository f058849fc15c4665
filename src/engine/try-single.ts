import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableFault } from '../core/errors.ts';
import type {
  OperationContext,
  OperationRecord,
  OutsideOperation,
  TransactionOperation,
} from '../core/operation.ts';
import type { RecordResult } from '../core/result.ts';
import type { Gate, Pass } from './gate.ts';
import { callOperation } from './outside/call-operation.ts';
import { saidOfTarget } from './outside/calls.ts';
import type { KeepAnswer } from './ports/request-stores.ts';
import type { SingleCalls } from './ports/single-calls.ts';
import { applyInTransaction } from './run-in-transaction.ts';

/** What came of one try, or why none could be made, and when it is worth another. */
export type Tried = { result: RecordResult<unknown> } | { waitSeconds: number; why: string };

export type TryOnce = (attempt: number) => Promise<Tried>;

interface Trying {
  record: OperationRecord<unknown>;
  context: OperationContext<unknown>;
}

/** How often contention (deadlock, serialization) is tried again, after some time that is not the same for all. */
const MOST_CONTENDED = 6;
const CONTENDED_MS = 40;

/** @throws {KeyTaken} @throws {RetryableFault} @throws {RequestError} @throws {PermanentFault} handler_broken */
export async function tryInTransaction(
  engine: { calls: SingleCalls; gate: Gate },
  operation: TransactionOperation,
  { record, context, keep }: Trying & { keep: KeepAnswer<unknown> | undefined },
): Promise<Tried> {
  return await underPass(engine.gate, operation, context, async () => {
    for (let tries = 1; ; tries += 1) {
      try {
        const output = await engine.calls.run(operation.name, keep, async (tx) => {
          const [result] = await applyInTransaction(operation, [record], tx, context);
          if (result!.status === 'succeeded') return result!.output;
          throw new Undone(result!);
        });
        return { result: { status: 'succeeded', output } };
      } catch (error) {
        if (error instanceof Undone) return { result: error.result };
        const contended = error instanceof RetryableFault && error.free;
        if (!contended || tries === MOST_CONTENDED) throw error;
        await sleep(CONTENDED_MS * tries * Math.random());
      }
    }
  });
}

/** Rolls back what a handler wrote for a record that did not succeed. */
class Undone extends Error {
  readonly result: RecordResult<unknown>;

  constructor(result: RecordResult<unknown>) {
    super(result.status);
    this.name = 'Undone';
    this.result = result;
  }
}

/** @throws {PermanentFault} handler_broken */
export async function tryOutside(
  engine: { gate: Gate },
  operation: OutsideOperation,
  { record, context, attempt }: Trying & { attempt: number },
): Promise<Tried> {
  return await underPass(engine.gate, operation, context, async (pass) => {
    const waitSeconds = await pass.call(1, context.signal);
    if (waitSeconds !== null) return { waitSeconds, why: BUSY };
    const call = { records: [record], context, attempt: () => attempt };
    let said: Parameters<Pass['told']>[0] = { down: true };
    try {
      const { results, thrown } = await callOperation(operation, call);
      if (thrown === undefined) said = saidOfTarget(results);
      else context.log.warn({ operation: operation.name, err: thrown }, 'a call told nothing of its record');
      return { result: results[0]! };
    } finally {
      pass.told(said);
    }
  });
}

const BUSY = 'its limits allow no call at this moment';

/** The rate was counted before, when the call was let in. */
async function underPass(
  gate: Gate,
  operation: TransactionOperation | OutsideOperation,
  { accountId, signal }: OperationContext<unknown>,
  work: (pass: Pass) => Promise<Tried>,
): Promise<Tried> {
  const pass = await gate.enter(operation, accountId, signal, { rateTaken: true });
  if ('waitSeconds' in pass) return { waitSeconds: pass.waitSeconds, why: BUSY };
  try {
    return await work(pass);
  } finally {
    await pass.release();
  }
}
