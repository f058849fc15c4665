import { invalidRequest, type RequestError } from '../core/errors.ts';
import { isUuid } from './uuid.ts';

/** The cursor of a page: what names its last item, mostly its id, in a form that invites nobody to build one. */
export function encodeCursor(last: string): string {
  return Buffer.from(last).toString('base64url');
}

/** @throws {RequestError} invalid_request when the cursor is not one that `encodeCursor` made of an id */
export function decodeCursor(cursor: string): string {
  const id = textOfCursor(cursor);
  if (!isUuid(id)) throw notACursor();
  return id;
}

/** What `encodeCursor` was given. @throws {RequestError} invalid_request when the cursor is none that it made */
export function textOfCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  // Buffer skips what is not base64url: only what comes out the same again was ours.
  if (encodeCursor(text) !== cursor) throw notACursor();
  return text;
}

export function notACursor(): RequestError {
  const message = 'is not a cursor; give next_cursor of the page before, or leave it out for the first page';
  return invalidRequest({ pointer: '?cursor', code: 'invalid_cursor', message });
}
