import type { Caller } from '../core/access.ts';
import { invalidRequest, RequestError } from '../core/errors.ts';
import { passwordProblem } from '../core/password-rules.ts';
import { type PasswordAttempts, tryPassword } from './password-attempt.ts';
import type { PrincipalStore } from './ports/access-stores.ts';
import type { Actor } from './ports/actor.ts';
import type { Passwords } from './ports/passwords.ts';
import type { PasswordStore } from './ports/session-store.ts';

export interface ChangePassword extends PasswordAttempts {
  principals: Pick<PrincipalStore, 'nameOfAccount'>;
  passwords: Passwords;
  passwordHashes: Pick<PasswordStore, 'hashOf' | 'change'>;
}

/**
 * Puts a new password in the place of the caller's own, and ends all their sessions but the one that calls. A stolen
 * token is no way around the limits of sign-in: attempts count the same.
 * @throws {RequestError} forbidden: whoever shows a key has no password; invalid_request: the current one is another;
 *   sign_in_locked, unavailable
 */
export async function changePassword(
  engine: ChangePassword,
  { caller, actor }: { caller: Pick<Caller, 'sessionId'>; actor: Actor },
  { current, next }: { current: string; next: string },
): Promise<void> {
  const { principal, accountId, user } = actor;
  if (principal.kind !== 'user') {
    throw new RequestError('forbidden', 'an API key has no password that could be changed');
  }
  const problem = passwordProblem(next, user);
  if (problem !== null) throw invalidRequest({ pointer: '/new_password', ...problem });
  const find = async () => {
    const passwordHash = await engine.passwordHashes.hashOf(accountId, principal.id);
    return passwordHash === null ? null : { accountId, user, principal, passwordHash };
  };
  const claimed = { account: await engine.principals.nameOfAccount(accountId), user };
  const { ip, requestId } = actor;
  const known = await tryPassword(engine, claimed, current, find, { ip, requestId });
  const changed =
    known !== null &&
    (await engine.passwordHashes.change(actor, {
      userId: principal.id,
      was: known.passwordHash,
      now: await engine.passwords.hash(next, accountId),
      keepSession: caller.sessionId,
    }));
  if (changed) return;
  const message = 'is not the password of the user';
  throw invalidRequest({ pointer: '/current_password', code: 'invalid', message });
}
