import type { Caller } from '../core/access.ts';
import { mustCover } from './must-cover.ts';
import type { ApiKeyStore } from './ports/access-stores.ts';

/**
 * Ends a key at once; it stays in the list, with when that was. May be repeated.
 * @throws {RequestError} api_key_not_found, forbidden: the key may do more than the caller
 */
export async function revokeApiKey(
  { apiKeys }: { apiKeys: Pick<ApiKeyStore, 'revoke'> },
  caller: Caller,
  id: string,
): Promise<void> {
  await apiKeys.revoke(id, mustCover(caller));
}
