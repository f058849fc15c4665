/**
 * Closes parts one after the other, each also when one before it could not be closed: PostgreSQL must not be left behind.
 * @throws {AggregateError} in the end, with everything that went wrong
 */
export async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const troubles: unknown[] = [];
  for (const closer of closers) {
    try {
      await closer();
    } catch (error) {
      troubles.push(error);
    }
  }
  if (troubles.length > 0) {
    throw new AggregateError(troubles, `stopping was not orderly: ${troubles.join('; ')}`);
  }
}
