import { createHash, randomBytes } from 'node:crypto';

/** What a session is prolonged with: told from other secrets by how it begins, also by whoever looks for leaked ones. */
const PREFIX = 'sheafr_';

export const REFRESH_TOKEN = new RegExp(`^${PREFIX}[\\w-]{43}$`);

/** 256 bits, of which the database knows only the hash. */
export function newRefreshToken(): { token: string; hash: Buffer } {
  const token = PREFIX + randomBytes(32).toString('base64url');
  return { token, hash: refreshHash(token) };
}

export function refreshHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
