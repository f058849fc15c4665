import { Type } from 'typebox';
import { defineOperation, type OperationRecord } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';

/** Operations that end their process, or never come back, over single records. */

const DEEDS = {
  nothing: () => undefined,
  wait: () => undefined,
  abort: () => process.abort(),
  segv: () => process.kill(process.pid, 'SIGSEGV'),
  exit: () => process.exit(0),
  loop: () => {
    for (;;);
  },
  memory: () => {
    for (const full: unknown[] = []; ; ) full.push(new Array(100_000).fill(full.length));
  },
} as const;

export type Deed = keyof typeof DEEDS;

const closed = { additionalProperties: false };
const described = {
  version: 1,
  title: 'Crash',
  description: 'Does what its records say to its process.',
  input: Type.Object(
    {
      id: Type.String({ maxLength: 20 }),
      does: Type.String({ maxLength: 20 }),
      // What is checked against this for a text of forty letters a and one b does not come back.
      text: Type.Optional(Type.String({ pattern: '^(a+)+$' })),
    },
    closed,
  ),
  output: Type.Object({ id: Type.String() }, closed),
  failures: {},
};

async function act(records: readonly OperationRecord<{ does: string }>[]): Promise<void> {
  for (const { input } of records) DEEDS[input.does as Deed]();
  // A signal takes a moment.
  if (records.some(({ input }) => ['segv', 'wait'].includes(input.does))) await new Promise(() => undefined);
}

export const crashInTransaction = defineOperation({
  ...described,
  name: 'crash_in_transaction',
  run: async (records, context) => {
    await context.sql`
      insert into learners (account_id, learner_id)
      select ${context.accountId}::uuid, id from unnest(${records.map(({ input }) => input.id)}::text[]) as v(id)`;
    await act(records);
    return records.map(({ input }) => succeeded({ id: input.id }));
  },
});

export const crashOutside = defineOperation({
  ...described,
  name: 'crash_outside',
  effects: 'outside',
  limits: { callRecords: 1, concurrency: 2 },
  run: async (records) => {
    await act(records);
    return records.map(({ input }) => succeeded({ id: input.id }));
  },
});
