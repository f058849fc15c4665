import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { validate as isUuid } from 'uuid';
import type { SigningKey, SigningKeyStore, TokenClaims, Tokens } from '../../engine/ports/tokens.ts';
import { KeyRing } from './key-ring.ts';

/** The one algorithm: what a token says of its own is only ever compared with it. */
const ALGORITHM = 'HS256';
const ISSUER = 'sheaf';
/** So that no other kind of token that we may sign one day passes for one of access (RFC 9068, RFC 8725). */
const TYPE = 'at+jwt';

/** Ours have some 350 characters. */
const LONGEST_TOKEN = 1024;

/** Clocks of two API processes differ by a little. */
const TOLERANCE_SECONDS = 3;

/** @param options.seconds how long a token is valid */
export function jwtTokens(options: { keys: SigningKeyStore; seconds: number }): Tokens {
  const ring = new KeyRing(options.keys);
  const signedWith =
    ({ id, secret }: SigningKey): Tokens['issue'] =>
    async ({ userId, accountId, sessionId }, until) => {
      const now = Math.floor(Date.now() / 1000);
      const expiresAt = Math.min(now + options.seconds, Math.floor(until));
      const token = await new SignJWT({ acc: accountId, sid: sessionId })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: id })
        .setIssuer(ISSUER)
        .setSubject(userId)
        .setIssuedAt(now)
        .setExpirationTime(expiresAt)
        .sign(secret);
      return { token, expiresAt };
    };
  return {
    issue: async (claims, until) => await signedWith(await ring.signing())(claims, until),
    issuer: async () => signedWith(await ring.signing()),

    async verify(token) {
      if (token.length > LONGEST_TOKEN) return null;
      try {
        const { payload } = await jwtVerify(token, (header) => keyOf(ring, header.kid), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          typ: TYPE,
          requiredClaims: ['sub', 'acc', 'sid', 'iat', 'exp'],
          clockTolerance: TOLERANCE_SECONDS,
        });
        return claimsOf(payload);
      } catch (error) {
        if (error instanceof errors.JOSEError) return null;
        throw error;
      }
    },
  };
}

/** @throws {JWKSNoMatchingKey} when there is no such key */
async function keyOf(ring: KeyRing, kid: unknown): Promise<Uint8Array> {
  const key = typeof kid === 'string' && isUuid(kid) ? await ring.find(kid) : undefined;
  if (key === undefined) throw new errors.JWKSNoMatchingKey();
  return key.secret;
}

function claimsOf({ sub, acc, sid }: JWTPayload): TokenClaims | null {
  return isUuid(sub) && isUuid(acc) && isUuid(sid)
    ? { userId: sub as string, accountId: acc as string, sessionId: sid as string }
    : null;
}
