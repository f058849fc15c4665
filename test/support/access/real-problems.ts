import type { RequestErrorCode } from '../../../src/core/errors.ts';

/** The codes that take accounts, users and their limits to be reached: tried on real parts, the others in memory. */
export const ON_REAL_PARTS = [
  'sign_in_failed',
  'refresh_token_invalid',
  'account_suspended',
  'user_not_found',
  'role_not_found',
  'api_key_not_found',
  'account_not_found',
  'name_taken',
  'role_built_in',
  'role_in_use',
  'last_admin',
  'account_administers',
  'storage_full',
  'too_many_batches',
  'sign_in_locked',
] as const satisfies RequestErrorCode[];

export type OnRealParts = (typeof ON_REAL_PARTS)[number];
