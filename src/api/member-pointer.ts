import { tokenOf } from '../core/json-pointer.ts';

const LONGEST_KEY_SHOWN = 200;

/** A pointer to a member; to its parent when the key is so long that naming it would drown the answer. */
export function memberPointer(parent: string, key: string): string {
  if (key.length > LONGEST_KEY_SHOWN) return parent;
  return `${parent}/${tokenOf(key)}`;
}
