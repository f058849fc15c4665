import { NO_FAILURES } from '../../src/core/tally.ts';
import type { ProcessingOutcome, ValidationOutcome } from '../../src/engine/ports/chunk-outcome.ts';

/** Outcomes with which a test settles a chunk by hand. */
export function processed(
  counts: { succeeded: number; failed?: number },
  part = 'parts/x',
): ProcessingOutcome {
  return { failed: 0, ...counts, part, failures: NO_FAILURES };
}

export function checked(
  outcome: { invalid: number; part: string | null } = { invalid: 0, part: null },
): ValidationOutcome {
  return { ...outcome, fileFault: null, customIds: [], failures: NO_FAILURES, coerced: {} };
}
