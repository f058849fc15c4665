import type { ApiServices } from '../../src/api/app.ts';
import { Gate } from '../../src/engine/gate.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';
import type { Taken, TargetState } from '../../src/engine/ports/limit-store.ts';
import type { SingleCalls } from '../../src/engine/ports/single-calls.ts';
import type { WorkTransaction } from '../../src/engine/ports/work-transaction.ts';
import { type KeptAnswers, underKeyInMemory } from './api-memory-batches.ts';

/** Calls of operations that write nothing: what they do in a database is tested where there is one. */
export function callsInMemory(answers: KeptAnswers, actor: Actor, asked: () => void): SingleCalls {
  const statements = { sql: async () => [], emit: async () => undefined };
  const tx: WorkTransaction = {
    ...statements,
    attempt: async (work) => ({ done: await work(statements) }),
  };
  return {
    async run(_operation, keep, work) {
      asked();
      const made = await work(tx);
      return underKeyInMemory(answers, actor, keep, () => made);
    },
    note: async () => asked(),
    keep: async (keep, made) => {
      asked();
      underKeyInMemory(answers, actor, keep, () => made);
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
export function noLimits(log: ApiServices['log']): Pick<ApiServices, 'gate' | 'limits' | 'requestRates'> {
  const limits = {
    takeSingle: async () => FREE,
    look: async (targets: readonly string[]) => new Map(targets.map((target) => [target, UP])),
    answered: async () => undefined,
    foundDown: async () => undefined,
  } as unknown as ApiServices['limits'];
  return {
    limits,
    requestRates: { take: async () => FREE, close: async () => undefined },
    gate: new Gate({ limits, leaseSeconds: 30, log, accounts: { limitSettings: async () => ({}) } }),
  };
}
