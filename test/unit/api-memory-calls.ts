import type { ApiServices } from '../../src/api/app.ts';
import { Gate } from '../../src/engine/gate.ts';
import type { Taken, TargetState } from '../../src/engine/ports/limit-store.ts';
import type { SingleCalls } from '../../src/engine/ports/single-calls.ts';
import type { WorkTransaction } from '../../src/engine/ports/work-transaction.ts';
import { type KeptAnswers, underKeyInMemory } from './api-memory-batches.ts';

/** Calls of operations that write nothing: what they do in a database is tested where there is one. */
export function callsInMemory(answers: KeptAnswers, asked: () => void): SingleCalls {
  const statements = { sql: async () => [], emit: async () => undefined };
  const tx: WorkTransaction = {
    ...statements,
    attempt: async (work) => ({ done: await work(statements) }),
  };
  return {
    async run(_caller, keep, work) {
      asked();
      const made = await work(tx);
      return underKeyInMemory(answers, keep, () => made);
    },
  };
}

const FREE: Taken = { records: 1, left: 1, waitSeconds: 0, resetSeconds: 60 };

const UP: TargetState = {
  failures: 0,
  openSeconds: 0,
  probingSeconds: 0,
  blockedSeconds: 0,
  wanted: false,
  holders: 0,
};

/** Of operations that may be called as often as anybody likes. */
export function noLimits(log: ApiServices['log']): Pick<ApiServices, 'gate' | 'limits'> {
  const limits = {
    takeSingle: async () => FREE,
    look: async (targets: readonly string[]) => new Map(targets.map((target) => [target, UP])),
    answered: async () => undefined,
    foundDown: async () => undefined,
  } as unknown as ApiServices['limits'];
  return { limits, gate: new Gate({ limits, leaseSeconds: 30, log }) };
}
