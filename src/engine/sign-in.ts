import { v7 as uuidv7 } from 'uuid';
import { RequestError } from '../core/errors.ts';
import { accountSuspended } from './authenticate.ts';
import { addressKey, type From, type PasswordAttempts, tryPassword } from './password-attempt.ts';
import type { KnownUser, PrincipalStore } from './ports/access-stores.ts';
import type { Passwords } from './ports/passwords.ts';
import type { PasswordStore, SessionStore } from './ports/session-store.ts';
import type { IssuedToken, Tokens } from './ports/tokens.ts';
import { newRefreshToken } from './refresh-token.ts';

export interface SignIn extends PasswordAttempts {
  principals: Pick<PrincipalStore, 'ofName'>;
  passwords: Passwords;
  passwordHashes: Pick<PasswordStore, 'hashOf' | 'renew'>;
  sessions: Pick<SessionStore, 'begin'>;
  tokens: Pick<Tokens, 'issue'>;
}

export interface Credentials {
  /** The account's name. */
  account: string;
  user: string;
  password: string;
}

/** What somebody who signed in goes on with. */
export interface SignedIn extends IssuedToken {
  refreshToken: string;
  /** Seconds since the epoch: when a password is needed again. */
  refreshExpiresAt: number;
}

/**
 * Begins a session for a name and a password.
 * @throws {RequestError} sign_in_failed, sign_in_locked, account_suspended, unavailable
 */
export async function signIn(
  engine: SignIn,
  { account, user, password }: Credentials,
  from: From & { userAgent: string | null },
): Promise<SignedIn> {
  const { ip, requestId, userAgent } = from;
  const find = () => engine.principals.ofName(account, user);
  const known = await tryPassword(engine, { account, user }, password, find, { ip, requestId });
  if (known === null) throw failed();
  if (known.suspended) throw accountSuspended();
  const passwordHash = await upToDate(engine, known, password, addressKey(ip));
  if (passwordHash === null) throw failed();
  const refresh = newRefreshToken();
  const { accountId, principal } = known;
  const session = { id: uuidv7(), userId: idOf(known), accountId, passwordHash, userAgent };
  const begun = await engine.sessions.begin(
    { ...session, refreshHash: refresh.hash },
    { accountId, ownAccountId: accountId, user: known.user, principal, ip, requestId },
  );
  // Somebody has changed the password, or disabled the user, since it was looked at.
  if (begun === null) throw failed();
  const claims = { userId: session.userId, accountId, sessionId: session.id };
  const token = await engine.tokens.issue(claims, begun.expiresAt);
  return { ...token, refreshToken: refresh.token, refreshExpiresAt: begun.expiresAt };
}

function idOf({ principal }: KnownUser): string {
  if (principal.kind !== 'user') throw new Error(`somebody who has a password is a ${principal.kind}`);
  return principal.id;
}

/**
 * Only now is the password known, so only now can it be hashed as it would be today.
 * @returns `null`: it is not the user's any more
 */
async function upToDate(
  { passwords, passwordHashes }: SignIn,
  known: KnownUser,
  password: string,
  whose: string,
): Promise<string | null> {
  const { passwordHash: was } = known;
  if (!passwords.isOutdated(was)) return was;
  const now = await passwords.hash(password, whose);
  if (await passwordHashes.renew(idOf(known), { was, now })) return now;
  // Another sign-in was quicker, or somebody has changed it: the hash that is there tells which.
  const stored = await passwordHashes.hashOf(known.accountId, idOf(known));
  return stored !== null && (await passwords.verify(password, stored, whose)) ? stored : null;
}

/** One text for all that may be wrong: which it is would tell what there is. */
function failed(): RequestError {
  return new RequestError('sign_in_failed', 'the account, the name or the password is wrong');
}
