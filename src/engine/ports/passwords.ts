/**
 * Hashing that is slow on purpose; what is kept names its algorithm and parameters, so that they can change. As few run
 * at once, those who wait take turns: `whose` is the address or the account that asks.
 */
export interface Passwords {
  /** Another hash each time: each has a salt of its own. */
  hash(password: string, whose?: string): Promise<string>;
  /** Takes as long where there is no hash (`null`: nobody has the name), and is false then. */
  verify(password: string, hash: string | null, whose?: string): Promise<boolean>;
  /** Whether it was made with other parameters than new ones are: the password is hashed again when it is known. */
  isOutdated(hash: string): boolean;
}
