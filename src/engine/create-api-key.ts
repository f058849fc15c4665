import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../core/access.ts';
import { invalidRequest } from '../core/errors.ts';
import { mustCover } from './must-cover.ts';
import type { ApiKey, ApiKeyStore } from './ports/access-stores.ts';

export interface ApiKeyRequest {
  name: string;
  role: string;
  /** Seconds since the epoch; without it the key lasts until it is revoked. */
  expires_ts?: number;
}

/** A key that is found somewhere by mistake is recognised by it, by scanners of repositories too. */
const PREFIX = 'sheaf_';

const SECRET_BYTES = 32;

/** Enough to tell two keys apart, and to guess nothing from. */
const HINT_CHARACTERS = 10;

/**
 * Makes a key for a program. It is answered this once: what is kept is its hash.
 * @throws {RequestError} invalid_request, name_taken, forbidden: the role may do more than the caller
 */
export async function createApiKey(
  { apiKeys }: { apiKeys: Pick<ApiKeyStore, 'create'> },
  caller: Caller,
  { name, role, expires_ts }: ApiKeyRequest,
): Promise<{ apiKey: ApiKey; key: string }> {
  const expiresAt = expires_ts ?? null;
  if (expiresAt !== null && expiresAt <= Date.now() / 1000) {
    throw invalidRequest({ pointer: '/expires_ts', code: 'out_of_range', message: 'must be in the future' });
  }
  const key = `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const hint = key.slice(0, HINT_CHARACTERS);
  const apiKey = await apiKeys.create(
    { id: uuidv7(), name, role, hint, hash: apiKeyHash(key), expiresAt },
    mustCover(caller),
  );
  return { apiKey, key };
}

/** What a key is kept and looked up by. It has 256 bits of its own, so nothing slower is needed. */
export function apiKeyHash(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
