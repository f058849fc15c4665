import type { Actor } from './actor.ts';

/** A session is what a password was given for: short-lived tokens name it, and refresh tokens prolong it, each once. */
export interface SessionStore {
  /** @returns until when it can be prolonged; `null`: the user has another password now, is disabled, or gone */
  begin(session: NewSession, actor: Actor): Promise<{ expiresAt: number } | null>;
  /**
   * Exchanges a refresh token for the next one. A token that was used before ends its session: somebody else has it.
   * @returns the session; `null`: there is none that it could prolong
   */
  refresh(
    token: Buffer,
    next: Buffer,
    from: Pick<Actor, 'ip' | 'requestId'>,
  ): Promise<RefreshedSession | null>;
  /** May be repeated. */
  end(sessionId: string, actor: Actor): Promise<void>;
  /** Removes what ended or expired some time ago. */
  forgetOld(most: number): Promise<number>;
}

export interface NewSession {
  id: string;
  userId: string;
  accountId: string;
  /** What the password was checked against. */
  passwordHash: string;
  /** SHA-256 of the first refresh token. */
  refreshHash: Buffer;
  userAgent: string | null;
}

export interface RefreshedSession {
  id: string;
  userId: string;
  accountId: string;
  /** Seconds since the epoch. */
  expiresAt: number;
  /** The account is: the token was not used up, and prolongs nothing now. */
  suspended: boolean;
}

/** What passwords are checked against, and what the users themselves put in its place. */
export interface PasswordStore {
  /** `null`: there is no such user any more. */
  hashOf(accountId: string, userId: string): Promise<string | null>;
  /**
   * The same password, hashed anew.
   * @returns whether the old hash was still there: else somebody else has hashed it anew, or it is another password
   */
  renew(userId: string, change: { was: string; now: string }): Promise<boolean>;
  /**
   * A new password of the user's own choice; ends all their sessions but the one that they use.
   * @returns whether it still was the password that the old one was checked against
   */
  change(actor: Actor, change: OwnPasswordChange): Promise<boolean>;
}

export interface OwnPasswordChange {
  userId: string;
  was: string;
  now: string;
  keepSession: string | null;
}

/** Failed attempts to sign in, counted for all processes. */
export interface SignInThrottle {
  /**
   * Counts an attempt before its password is looked at, under each of these keys; so that of any number at once only
   * as many are looked at as may be. One that may not be looked at is not counted.
   */
  attempt(keys: readonly ThrottleKey[]): Promise<Attempt>;
  /** The password was right: its attempts are forgotten, but for those of keys that `keep`. */
  succeeded(keys: readonly ThrottleKey[]): Promise<void>;
  /** No password was looked at: the attempt counts no more, and what it locked is open. */
  takenBack(keys: readonly ThrottleKey[]): Promise<void>;
  forgetOld(most: number): Promise<number>;
}

export interface Attempt {
  /** 0: its password may be looked at. */
  waitSeconds: number;
  /** For how long it locks those that come after it, unless it succeeds. */
  lockSeconds: number;
}

export interface ThrottleKey {
  key: string;
  /** So many attempts are looked at; the last of them locks, and each one after it for twice as long. */
  free: number;
  lockSeconds: number;
  longestLockSeconds: number;
  /** All are forgotten so long after the first, or after the end of the last lock. */
  forgetSeconds: number;
  /** A success of one name says nothing about the other names tried from the same address. */
  keep?: boolean;
  /** Attempts do not count, and are not locked, where one with this mark succeeded in the last 30 days. */
  unless?: string;
}
