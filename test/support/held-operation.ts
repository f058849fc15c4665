import { Type } from 'typebox';
import { defineOperation, type Operation, type OperationContext } from '../../src/core/operation.ts';
import { failed, succeeded } from '../../src/core/result.ts';

/** What happened at one call of the handler. */
export interface HandlerCall {
  records: number[];
  context: OperationContext<unknown>;
}

export interface HeldOperation {
  operation: Operation;
  calls: HandlerCall[];
  /** What every call waits for before it answers; nothing, until it is set. */
  before: (call: HandlerCall) => Promise<void>;
  /** Forgets its calls, and waits for nothing. */
  reset(): void;
}

/** A file of these records. */
export const heldCsv = (ids: readonly string[]) => `id\n${ids.join('\n')}\n`;

/** Ids that are told apart from those of other tests. */
export const heldIds = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${prefix}${n + 1}`);

/**
 * An operation under the control of a test: it notes its calls, waits where the test wants it, writes a row for each
 * record through its transaction, and fails the records whose value is `bad`.
 */
export function heldOperation(name = 'hold'): HeldOperation {
  const held: HeldOperation = {
    calls: [],
    before: async () => undefined,
    reset: () => {
      held.calls.length = 0;
      held.before = async () => undefined;
    },
    operation: defineOperation({
      name,
      version: 1,
      title: 'Hold',
      description: 'Waits for the test.',
      input: Type.Object({ id: Type.String({ maxLength: 20 }) }, { additionalProperties: false }),
      output: Type.Object({ id: Type.String() }, { additionalProperties: false }),
      settings: Type.Object({}, { additionalProperties: false }),
      failures: { refused: 'The record is bad' },
      run: async (records, context) => {
        const call = { records: records.map((record) => record.number), context };
        held.calls.push(call);
        await held.before(call);
        const good = records.filter((record) => record.input.id !== 'bad').map((record) => record.input.id);
        await context.sql`
          insert into learners (account_id, learner_id)
          select ${context.accountId}::uuid, id from unnest(${good}::text[]) as v(id)`;
        return records.map(({ input }) =>
          input.id === 'bad' ? failed('refused', 'is bad', 'id') : succeeded({ id: input.id }),
        );
      },
    }),
  };
  return held;
}
