import { expect } from 'vitest';
import { SheafError } from '../../src/client/sheaf-error.ts';

/** What a call of the client is refused with. */
export async function refusal(work: Promise<unknown>): Promise<SheafError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SheafError);
  return error as SheafError;
}
