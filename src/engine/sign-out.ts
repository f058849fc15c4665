import { RequestError } from '../core/errors.ts';
import type { Actor } from './ports/actor.ts';
import type { SessionStore } from './ports/session-store.ts';

/**
 * Ends the session of whoever calls: its tokens and its refresh token are worth nothing from now on.
 * @throws {RequestError} forbidden: whoever shows a key has no session
 */
export async function signOut(
  { sessions }: { sessions: Pick<SessionStore, 'end'> },
  sessionId: string | null,
  actor: Actor,
): Promise<void> {
  if (sessionId === null) {
    throw new RequestError('forbidden', 'an API key has no session that could end; revoke the key instead');
  }
  await sessions.end(sessionId, actor);
}
