/** What a token says; whether it still holds is looked up with every request. */
export interface TokenClaims {
  userId: string;
  accountId: string;
  sessionId: string;
}

/** Short-lived tokens of whoever signed in, made and checked without asking anybody. */
export interface Tokens {
  /** @param until seconds since the epoch: the token is not valid for longer, whatever its usual time */
  issue(claims: TokenClaims, until: number): Promise<IssuedToken>;
  /** `issue`, with all that it takes fetched: what follows cannot fail for a database that is away. */
  issuer(): Promise<Tokens['issue']>;
  /** `null`: it is none of ours, was altered, or has expired. */
  verify(token: string): Promise<TokenClaims | null>;
}

export interface IssuedToken {
  token: string;
  /** Seconds since the epoch. */
  expiresAt: number;
}

/** A secret that tokens are signed with; several at once while one takes the place of another. */
export interface SigningKey {
  /** A UUID, which tokens name. */
  id: string;
  secret: Buffer;
  /** Whether new tokens are signed with it, or only those checked that it signed. */
  signs: boolean;
}

/** The same in all processes. */
export interface SigningKeyStore {
  /** All that a valid token may be signed with, the newest first. */
  load(): Promise<SigningKey[]>;
  /** Makes one that signs, unless there is one already: of several processes that ask at once, one does. */
  make(): Promise<void>;
  /** Removes those by which nothing is checked any more. */
  forgetOld(most: number): Promise<number>;
}
