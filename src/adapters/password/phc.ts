/** A hash of scrypt as text, with all that it takes to make it again: `$scrypt$ln=16,r=8,p=2$salt$hash`. */
export interface ScryptHash {
  cost: ScryptCost;
  salt: Buffer;
  hash: Buffer;
}

export interface ScryptCost {
  /** Base-2 logarithm of N: iterations, and 128 · N · r bytes of memory. */
  ln: number;
  r: number;
  p: number;
}

/** Nothing that is costlier than this was made by us, and to check it would hold the process up. */
const MOST = { ln: 18, r: 16, p: 4 };

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,64})\$([A-Za-z0-9+/]{32,128})$/;

export function toPhc({ cost: { ln, r, p }, salt, hash }: ScryptHash): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

/** `null`: it is none, or costs more than any of ours. */
export function fromPhc(text: string): ScryptHash | null {
  const found = PHC.exec(text);
  if (found === null) return null;
  const [ln, r, p] = found.slice(1, 4).map(Number) as [number, number, number];
  if (ln < 1 || r < 1 || p < 1 || ln > MOST.ln || r > MOST.r || p > MOST.p) return null;
  return {
    cost: { ln, r, p },
    salt: Buffer.from(found[4]!, 'base64'),
    hash: Buffer.from(found[5]!, 'base64'),
  };
}

/** Without the padding, as the PHC string format has it. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
