import { SheafError } from './sheaf-error.ts';

/** What a password was given for: keep the refresh token as you would keep the password. */
export interface Tokens {
  token: string;
  /** Takes the place of the password once, and then the next one does. */
  refreshToken: string;
}

export type TokensChanged = (tokens: Tokens | null) => void | Promise<void>;

/** Exchanges a refresh token for the next tokens. @throws {SheafError} */
export type Refresh = (refreshToken: string) => Promise<Tokens>;

/** The refresh token prolongs no session: to sign in again is all that is left. */
export const SESSION_OVER = 'refresh_token_invalid';

/** Troubles in which nothing was sent at all. */
const NOT_CONNECTED = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

/**
 * The tokens of somebody who has signed in. When the API refuses a token it is exchanged for the next one: by the clock
 * of the API alone, so that a clock that is wrong here does no harm. However many requests are refused at once, one of
 * them does it, since a refresh token that comes twice ends the session.
 */
export class Session {
  #tokens: Tokens;
  #refreshing: Promise<void> | null = null;
  readonly #refresh: Refresh;
  readonly #changed: TokensChanged;

  constructor(tokens: Tokens, refresh: Refresh, changed: TokensChanged) {
    this.#tokens = tokens;
    this.#refresh = refresh;
    this.#changed = changed;
  }

  get token(): string {
    return this.#tokens.token;
  }

  /** Sees to it that there is another token than the one that was refused. @throws {SheafError} */
  async renew(refused: string): Promise<void> {
    if (this.#tokens.token !== refused) return;
    this.#refreshing ??= this.#exchange().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #exchange(): Promise<void> {
    try {
      this.#tokens = await this.#refresh(this.#tokens.refreshToken);
    } catch (error) {
      if (error instanceof SheafError && error.code === SESSION_OVER) await this.#changed(null);
      throw notToBeRepeated(error);
    }
    await this.#changed({ ...this.#tokens });
  }
}

/**
 * Whether a refresh without an answer was carried out is not known, so nothing sends it again by itself. The next
 * request may: a token that was used up leads to signing in, as it would without trying.
 */
function notToBeRepeated(error: unknown): unknown {
  if (!(error instanceof SheafError) || (error.status > 0 && error.status < 500)) return error;
  if (wasNotSent(error)) return error;
  const detail = `the token has expired, and its exchange got no answer: ${error.detail}`;
  return new SheafError(0, 'refresh_unanswered', detail, { cause: error });
}

function wasNotSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && NOT_CONNECTED.includes(code)) || wasNotSent(error.cause);
}
