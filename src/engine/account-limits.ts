import { PERMISSIONS } from '../core/access.ts';
import type { AccountLimitSettings, RequestLimit } from '../core/account-limits.ts';
import type { FieldProblem } from '../core/errors.ts';
import { tokenOf } from '../core/json-pointer.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { shortened } from '../core/result.ts';
import type { AccountChange } from './ports/admin-store.ts';

export interface RequestLimitRequest {
  per_minute: number;
  lock_seconds?: number;
}

/** As a request has them; `null`: the default again. */
export interface AccountLimitsRequest {
  file_bytes?: number | null;
  records?: number | null;
  batches?: number | null;
  stored_bytes?: number | null;
  upload_seconds?: number | null;
  keep_seconds?: number | null;
  worker_weight?: number | null;
  chunks?: number | null;
  requests?: Record<string, RequestLimitRequest> | null;
}

/** Numbers are checked at the API's edge; what there is to be limited only the operations of this Sheaf tell. */
export function accountLimitProblems(
  { requests }: AccountLimitsRequest,
  operations: Pick<OperationRegistry, 'get'>,
): FieldProblem[] {
  const isKnown = (action: string) =>
    action === '*' ||
    action === 'anyone' ||
    PERMISSIONS.some((permission) => permission === action) ||
    operations.get(action) !== undefined;
  return Object.keys(requests ?? {})
    .filter((action) => !isKnown(action))
    .map((action) => ({
      pointer: `/limits/requests/${tokenOf(action)}`,
      code: 'unknown_field' as const,
      message: `there is neither a permission nor an operation named ${shortened(action)}; * stands for every one that is not named`,
    }));
}

const NAMES = {
  file_bytes: 'fileBytes',
  records: 'records',
  batches: 'batches',
  stored_bytes: 'storedBytes',
  upload_seconds: 'uploadSeconds',
  keep_seconds: 'keepSeconds',
  worker_weight: 'workerWeight',
  chunks: 'chunks',
} as const satisfies Record<
  Exclude<keyof AccountLimitsRequest, 'requests'>,
  keyof NonNullable<AccountChange['limits']>
>;

/** @param request one without problems */
export function accountLimitsOf(request: AccountLimitsRequest): NonNullable<AccountChange['limits']> {
  const { requests, ...numbers } = request;
  const named = Object.entries(numbers).map(([name, value]) => [NAMES[name as keyof typeof NAMES], value]);
  return {
    ...Object.fromEntries(named),
    ...(requests !== undefined && { requests: requests === null ? null : requestLimitsOf(requests) }),
  };
}

function requestLimitsOf(requests: Record<string, RequestLimitRequest>): Record<string, RequestLimit> {
  return Object.fromEntries(
    Object.entries(requests).map(([action, { per_minute: perMinute, lock_seconds: lockSeconds = 0 }]) => [
      action,
      { perMinute, lockSeconds },
    ]),
  );
}

/** The settings of an account as a request would have them. */
export function accountLimitsRequestOf({ requests, ...numbers }: AccountLimitSettings): AccountLimitsRequest {
  const named = Object.entries(NAMES).filter(([, name]) => numbers[name] !== undefined);
  const limits = Object.entries(requests ?? {}).map(([action, { perMinute, lockSeconds }]) => [
    action,
    { per_minute: perMinute, lock_seconds: lockSeconds },
  ]);
  return {
    ...Object.fromEntries(named.map(([asked, name]) => [asked, numbers[name]])),
    ...(requests !== undefined && { requests: Object.fromEntries(limits) }),
  };
}
