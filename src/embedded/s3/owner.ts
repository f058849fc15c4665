import { element } from './xml.ts';

/** Whom everything here belongs to: there is one pair of credentials, and so one owner. */
export function owner(name: string): string {
  return element(name, OWNER);
}

export const OWNER = [element('ID', 'sheaf'), element('DisplayName', 'sheaf')];
