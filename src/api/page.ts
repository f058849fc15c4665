import { decodeCursor, encodeCursor } from './cursor.ts';
import type { PageQuery } from './schemas/page.ts';

const PAGE = 20;

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** How the last item of a page is named by whoever asks for the next. */
export interface CursorOf<Row, Place> {
  encode(last: Row): string;
  /** @throws {RequestError} invalid_request */
  decode(cursor: string): Place;
}

const BY_ID: CursorOf<{ id: string }, string> = {
  encode: ({ id }) => encodeCursor(id),
  decode: decodeCursor,
};

/** A page of a list, newest first, whose items are named by their ids. */
export function pageById<Row extends { id: string }, Item>(
  query: PageQuery,
  list: (page: { limit: number; before?: string }) => Promise<Row[]>,
  view: (row: Row) => Item,
): Promise<Page<Item>> {
  return pageBy(BY_ID, query, list, view);
}

export async function pageBy<Row, Place, Item>(
  cursorOf: CursorOf<Row, Place>,
  { limit = PAGE, cursor }: PageQuery,
  list: (page: { limit: number; before?: Place }) => Promise<Row[]>,
  view: (row: Row) => Item,
): Promise<Page<Item>> {
  // One more than asked for tells whether there is another page.
  const rows = await list({
    limit: limit + 1,
    ...(cursor !== undefined && { before: cursorOf.decode(cursor) }),
  });
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(view), next_cursor: last === undefined ? null : cursorOf.encode(last) };
}
