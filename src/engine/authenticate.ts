import { createHash, timingSafeEqual } from 'node:crypto';
import { ADMIN_STATEMENTS, type Caller } from '../core/access.ts';

/** Tells from the `Authorization` header who calls; `null`: nobody that we know. */
export interface Authenticator {
  authenticate(authorization: string | undefined): Promise<Caller | null>;
}

/**
 * One account and one key that may do everything: what stands here until users, roles and keys of their own do.
 * Hashes are compared, in constant time, so that an answer's time tells nothing about the key.
 */
export function adminKeyAuthenticator(options: { key: string; accountId: string }): Authenticator {
  const expected = sha256(options.key);
  return {
    async authenticate(authorization) {
      const given = /^(?:Bearer|JWT) +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (given === undefined || !timingSafeEqual(sha256(given), expected)) return null;
      return { accountId: options.accountId, user: 'admin', statements: ADMIN_STATEMENTS };
    },
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
