import { RequestError } from '../core/errors.ts';
import { accountSuspended } from './authenticate.ts';
import type { From } from './password-attempt.ts';
import type { SessionStore } from './ports/session-store.ts';
import type { Tokens } from './ports/tokens.ts';
import { newRefreshToken, REFRESH_TOKEN, refreshHash } from './refresh-token.ts';
import type { SignedIn } from './sign-in.ts';

export interface RefreshSession {
  sessions: Pick<SessionStore, 'refresh'>;
  tokens: Pick<Tokens, 'issuer'>;
}

/**
 * Exchanges a refresh token, which is used up by it, for the next one and a token.
 * @throws {RequestError} refresh_token_invalid, account_suspended
 */
export async function refreshSession(
  { sessions, tokens }: RefreshSession,
  refreshToken: string,
  from: From,
): Promise<SignedIn> {
  const next = newRefreshToken();
  // Before the refresh token is used up: whoever is told to try again has only that one.
  const issue = await tokens.issuer();
  const session = REFRESH_TOKEN.test(refreshToken)
    ? await sessions.refresh(refreshHash(refreshToken), next.hash, from)
    : null;
  if (session === null) {
    throw new RequestError('refresh_token_invalid', 'the refresh token prolongs no session; sign in again');
  }
  if (session.suspended) throw accountSuspended();
  const { id: sessionId, userId, accountId, expiresAt } = session;
  const token = await issue({ userId, accountId, sessionId }, expiresAt);
  return { ...token, refreshToken: next.token, refreshExpiresAt: expiresAt };
}
