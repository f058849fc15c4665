import type { FieldProblem } from '../core/errors.ts';
import { LEAST_RECORDS_OF_A_SHARE, type StopAfter } from '../core/stop-after.ts';

/** As a request has it: one of the two forms, which is checked here, as a schema would only say that neither fits. */
export interface StopAfterRequest {
  failures?: number;
  share?: number;
  min_records?: number;
}

export function stopAfterProblems(request: StopAfterRequest | null | undefined): FieldProblem[] {
  if (request === null || request === undefined) return [];
  const { failures, share, min_records: least } = request;
  const pointer = '/stop_after';
  if (failures === undefined && share === undefined) {
    return [{ pointer, code: 'required', message: 'must have failures (a number) or share (from 0 to 1)' }];
  }
  if (failures !== undefined && share !== undefined) {
    return [{ pointer, code: 'invalid', message: 'must have either failures or share, not both' }];
  }
  if (failures !== undefined && least !== undefined) {
    return [{ pointer: `${pointer}/min_records`, code: 'not_allowed', message: 'goes with share only' }];
  }
  return [];
}

/** @param request one without problems */
export function stopAfterOf({ failures, share, min_records: least }: StopAfterRequest): StopAfter {
  if (failures !== undefined) return { failures };
  return { share: share ?? 1, min_records: least ?? LEAST_RECORDS_OF_A_SHARE };
}
