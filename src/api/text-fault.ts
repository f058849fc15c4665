import type { FieldErrorCode } from '../core/errors.ts';

export interface TextFault {
  code: FieldErrorCode;
  message: string;
}

const HALF_A_PAIR = /\p{Surrogate}/u;

/** Why a text could not be stored: PostgreSQL keeps neither NUL nor half a surrogate pair. */
export function textFault(text: string): TextFault | null {
  if (text.includes('\0')) return { code: 'nul_character', message: 'holds a NUL character' };
  if (HALF_A_PAIR.test(text)) return { code: 'not_text', message: 'holds half of a surrogate pair' };
  return null;
}
