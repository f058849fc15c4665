import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Passwords } from '../../engine/ports/passwords.ts';
import { fromPhc, type ScryptCost, type ScryptHash, toPhc } from './phc.ts';
import { Slots } from './slots.ts';

/** 64 MiB and some 0.3 s (OWASP's Password Storage Cheat Sheet): what a GPU can do little with. */
const COST: ScryptCost = { ln: 16, r: 8, p: 2 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Each takes a thread of libuv's pool, which has four that files need too, and its memory. */
const AT_ONCE = 2;

/** Some seconds of work. */
const MOST_WAITING = 32;

export type Derive = (password: Buffer, salt: Buffer, bytes: number, cost: ScryptCost) => Promise<Buffer>;

/** @param options.derive in the place of scrypt, where it is counted */
export function scryptPasswords({
  cost = COST,
  derive = deriveKey,
}: {
  cost?: ScryptCost;
  derive?: Derive;
} = {}): Passwords {
  const slots = new Slots({ atOnce: AT_ONCE, mostWaiting: MOST_WAITING });
  // Of nobody: no password has it. To check one against it takes as long as to check one of somebody.
  const nobodys: ScryptHash = { cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  const derived = (whose: string, password: string, salt: Buffer, bytes: number, by: ScryptCost) =>
    slots.run(whose, () => derive(Buffer.from(opaqueString(password)), salt, bytes, by));

  return {
    async hash(password, whose = '') {
      const salt = randomBytes(SALT_BYTES);
      return toPhc({ cost, salt, hash: await derived(whose, password, salt, HASH_BYTES, cost) });
    },

    async verify(password, hash, whose = '') {
      const kept = hash === null ? null : fromPhc(hash);
      const { cost: by, salt, hash: expected } = kept ?? nobodys;
      const found = await derived(whose, password, salt, expected.length, by);
      return timingSafeEqual(found, expected) && kept !== null;
    },

    isOutdated(hash) {
      const kept = fromPhc(hash)?.cost;
      return kept === undefined || kept.ln !== cost.ln || kept.r !== cost.r || kept.p !== cost.p;
    },
  };
}

/**
 * The same password, whatever the keyboard or the system that it was typed on: spaces of all kinds are one, and what
 * can be written in two ways is written in one (RFC 8265, OpaqueString).
 */
function opaqueString(password: string): string {
  return password.replaceAll(/\p{Zs}/gu, ' ').normalize('NFC');
}

function deriveKey(password: Buffer, salt: Buffer, bytes: number, { ln, r, p }: ScryptCost): Promise<Buffer> {
  const N = 2 ** ln;
  // Node refuses more than 32 MiB unless told; scrypt takes 128 · N · r bytes, and 128 · r · p more.
  const options = { N, r, p, maxmem: 128 * r * (N + p) + 1024 ** 2 };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
