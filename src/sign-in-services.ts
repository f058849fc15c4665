import type { Logger } from 'pino';
import { jwtTokens } from './adapters/jwt/tokens.ts';
import { scryptPasswords } from './adapters/password/scrypt-passwords.ts';
import { connect } from './adapters/postgres/connect.ts';
import { postgresPasswordStore } from './adapters/postgres/password-store.ts';
import { postgresPrincipalStore } from './adapters/postgres/principal-store.ts';
import { postgresSessionStore } from './adapters/postgres/session-store.ts';
import { postgresSignInThrottle } from './adapters/postgres/sign-in-throttle.ts';
import { postgresSigningKeys } from './adapters/postgres/signing-keys.ts';
import { closeAll } from './close-all.ts';
import type { Config } from './config.ts';
import type { PrincipalStore } from './engine/ports/access-stores.ts';
import type { Passwords } from './engine/ports/passwords.ts';
import type { PasswordStore, SessionStore, SignInThrottle } from './engine/ports/session-store.ts';
import type { SigningKeyStore, Tokens } from './engine/ports/tokens.ts';

/** What tells who calls, before anything is known of them. */
export interface SignInServices {
  principals: PrincipalStore;
  passwords: Passwords;
  passwordHashes: PasswordStore;
  sessions: SessionStore;
  throttle: SignInThrottle;
  tokens: Tokens;
  signingKeys: SigningKeyStore;
}

/** For what every request waits on, so that none waits for the work of others. */
const LOOKUP_CONNECTIONS = 4;

/** Whoever floods us with passwords waits for themselves, and not those who have signed in. */
const SIGN_IN_CONNECTIONS = 3;

/** A request that waits longer for the database is told so. */
const STATEMENT_MS = 10_000;

export function openSignIn(
  config: Config,
  databaseUrl: string,
  log: Logger,
): SignInServices & { close(): Promise<void> } {
  const patience = { idleInTransactionMs: STATEMENT_MS, lockMs: STATEMENT_MS, statementMs: STATEMENT_MS };
  const lookups = connect(databaseUrl, { max: LOOKUP_CONNECTIONS, name: 'access', ...patience });
  const sql = connect(databaseUrl, { max: SIGN_IN_CONNECTIONS, name: 'sign-in', ...patience });
  const signingKeys = postgresSigningKeys(lookups);
  return {
    principals: postgresPrincipalStore(lookups, log),
    passwords: scryptPasswords(),
    passwordHashes: postgresPasswordStore(sql),
    sessions: postgresSessionStore(sql, config.SHEAF_SESSION_SECONDS),
    throttle: postgresSignInThrottle(sql),
    tokens: jwtTokens({ keys: signingKeys, seconds: config.SHEAF_TOKEN_SECONDS }),
    signingKeys,
    close: () => closeAll([() => lookups.end({ timeout: 5 }), () => sql.end({ timeout: 5 })]),
  };
}
