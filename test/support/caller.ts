import type { Caller } from '../../src/core/access.ts';
import type { AccountLimits } from '../../src/core/account-limits.ts';
import { ADMIN_ROLE, builtInRole } from '../../src/core/roles.ts';

/** Limits that no test meets which is not about them. */
export const AMPLE: AccountLimits = {
  fileBytes: 50_000_000_000,
  records: 1_000_000_000,
  batches: 100_000,
  storedBytes: 1e15,
  uploadSeconds: 86_400,
  keepSeconds: null,
  workerWeight: 1,
  chunks: null,
  requests: { '*': { perMinute: 1_000_000, lockSeconds: 0 } },
};

export const ADMIN_STATEMENTS = builtInRole(ADMIN_ROLE)!.statements;

/** Somebody of an account, who may do everything there unless told otherwise. */
export function testCaller(caller: Partial<Caller> & { accountId: string }): Caller {
  return {
    administers: false,
    user: 'tester',
    principal: { kind: 'admin_key' },
    role: ADMIN_ROLE,
    statements: ADMIN_STATEMENTS,
    limits: AMPLE,
    sessionId: null,
    ...caller,
  };
}
