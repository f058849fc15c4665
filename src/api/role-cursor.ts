import type { Role } from '../core/roles.ts';
import type { OwnRole } from '../engine/ports/access-stores.ts';
import { encodeCursor, notACursor, textOfCursor } from './cursor.ts';
import type { CursorOf } from './page.ts';

/** Where a page of roles ended; built-in ones have no time, as they were there before all others. */
export type RolePlace = Pick<OwnRole, 'name' | 'createdAt'>;

const PLACE = /^(\d{1,15})\.([a-z][a-z0-9_-]{0,63})$/;

/** Names the last role of a page by name and time, so that the next page is the same when that role is gone. */
export const ROLE_CURSOR: CursorOf<Role & Partial<OwnRole>, RolePlace> = {
  encode: ({ name, createdAt = 0 }) => encodeCursor(`${Math.round(createdAt * 1000)}.${name}`),

  decode(cursor) {
    const [, milliseconds, name] = PLACE.exec(textOfCursor(cursor)) ?? [];
    if (name === undefined) throw notACursor();
    return { name, createdAt: Number(milliseconds) / 1000 };
  },
};
