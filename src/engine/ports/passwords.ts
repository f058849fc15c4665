/** Hashing that is slow on purpose; what is kept names its algorithm and parameters, so that they can change. */
export interface Passwords {
  /** Another hash each time: each has a salt of its own. */
  hash(password: string): Promise<string>;
  /** Takes as long where there is no hash (`null`: nobody has the name), and is false then. */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** Whether it was made with other parameters than new ones are: the password is hashed again when it is known. */
  isOutdated(hash: string): boolean;
}
