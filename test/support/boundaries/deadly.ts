import type { Operation } from '../../../src/core/operation.ts';

/** Names a record at which the process ends that tries it. */
export const DEADLY = 'deadly';

/** An operation that ends its process as soon as it is given a record of that name. */
export function deadly(operation: Operation, die: () => Promise<never>): Operation {
  const ends = (records: readonly { input: unknown }[]) =>
    records.some(({ input }) => (input as { id?: unknown }).id === DEADLY);
  return {
    ...operation,
    run: async (records: never, context: never) => {
      if (ends(records)) await die();
      return await operation.run(records, context);
    },
  } as Operation;
}
