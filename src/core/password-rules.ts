import type { FieldErrorCode } from './errors.ts';

export const SHORTEST_PASSWORD = 12;
export const LONGEST_PASSWORD = 256;

const HALF_A_PAIR = /\p{Surrogate}/u;

/**
 * Why a password may not be the user's; `null`: it may. Length is what makes one hard to guess: which characters it is
 * made of is nobody's business, as long as they can be typed again.
 */
export function passwordProblem(
  password: string,
  userName: string,
): { code: FieldErrorCode; message: string } | null {
  const characters = [...password].length;
  if (characters < SHORTEST_PASSWORD) {
    return { code: 'too_short', message: `must have at least ${SHORTEST_PASSWORD} characters` };
  }
  if (characters > LONGEST_PASSWORD) {
    return { code: 'too_long', message: `must have at most ${LONGEST_PASSWORD} characters` };
  }
  if (password.includes('\0')) return { code: 'nul_character', message: 'holds a NUL character' };
  if (HALF_A_PAIR.test(password)) return { code: 'not_text', message: 'holds half of a surrogate pair' };
  if (password.toLowerCase() === userName.toLowerCase()) {
    return { code: 'not_allowed', message: 'must not be the name of the user' };
  }
  return null;
}
