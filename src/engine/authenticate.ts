import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../core/access.ts';
import { type AccountLimits, limitsOf } from '../core/account-limits.ts';
import { RequestError } from '../core/errors.ts';
import { apiKeyHash } from './create-api-key.ts';
import type { KnownPrincipal, PrincipalStore } from './ports/access-stores.ts';
import type { Tokens } from './ports/tokens.ts';

/** Tells from the `Authorization` header who calls; `null`: nobody that we know. */
export interface Authenticator {
  /** @throws {RequestError} account_suspended */
  authenticate(authorization: string | undefined): Promise<Caller | null>;
}

export interface Authenticate {
  principals: Pick<PrincipalStore, 'ofAdminKey' | 'ofApiKey' | 'ofSession'>;
  tokens: Pick<Tokens, 'verify'>;
  /** The key of the settings, which may do everything; without one there is none. */
  adminKey: string | undefined;
  /** What an account may take for which an admin has set nothing else. */
  limits: AccountLimits;
}

/** Longer than any key or token of ours; what is longer is not looked at. */
const LONGEST_HEADER = 4096;

const API_KEY = /^sheaf_[\w-]{43}$/;

/** Three parts of base64url; whether they mean anything is found out by whoever checks tokens. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** What somebody may do is looked up with each request: whatever is taken from them counts for the next one. */
export function openAuthenticator({ principals, tokens, adminKey, limits }: Authenticate): Authenticator {
  const admin = adminKey === undefined ? null : apiKeyHash(adminKey);

  const known = async (given: string): Promise<[KnownPrincipal, sessionId: string | null] | null> => {
    const hash = apiKeyHash(given);
    // Hashes are compared, in constant time, so that an answer's time tells nothing about the key.
    if (admin !== null && timingSafeEqual(hash, admin)) return [await principals.ofAdminKey(), null];
    if (API_KEY.test(given)) return ofNobody(await principals.ofApiKey(hash));
    return TOKEN.test(given) ? await ofToken(given) : null;
  };

  const ofToken = async (token: string): Promise<[KnownPrincipal, string] | null> => {
    const claims = await tokens.verify(token);
    if (claims === null) return null;
    const { userId, accountId, sessionId } = claims;
    const user = await principals.ofSession(sessionId);
    if (user === null || user.accountId !== accountId) return null;
    return user.principal.kind === 'user' && user.principal.id === userId ? [user, sessionId] : null;
  };

  return {
    async authenticate(authorization = '') {
      const given = credentialIn(authorization);
      const found = given === undefined ? null : await known(given);
      if (found === null) return null;
      const [{ suspended, ...principal }, sessionId] = found;
      if (suspended) throw accountSuspended();
      return { ...principal, limits: limitsOf(limits, principal.limits), sessionId };
    },
  };
}

function ofNobody(found: KnownPrincipal | null): [KnownPrincipal, null] | null {
  return found === null ? null : [found, null];
}

/** Both schemes are the same here, in any case (RFC 9110, section 11.1). */
function credentialIn(authorization: string): string | undefined {
  if (authorization.length > LONGEST_HEADER) return undefined;
  return /^(?:Bearer|JWT) {1,8}([\x21-\x7e]+)$/i.exec(authorization)?.[1];
}

export function accountSuspended(): RequestError {
  return new RequestError('account_suspended', 'the account is suspended; ask whoever runs this Sheaf');
}
