import type { Answer, Connection } from './send.ts';

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface ListOptions {
  /** Items asked for at once, 100 at most. */
  limit?: number;
  signal?: AbortSignal;
}

/** As it stands in a query: what is `undefined` is left out. */
export type Filters = Readonly<Record<string, string | number | undefined>>;

/** All items of a list; pages are asked for as they are needed. @throws {SheafError} */
export async function* listItems<T>(
  connection: Pick<Connection, 'get'>,
  path: string,
  { limit, signal }: ListOptions,
  filters: Filters = {},
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const url = withQuery(path, { ...filters, limit, cursor });
    const { body }: Answer<Page<T>> = await connection.get(url, signal);
    yield* body.items;
    cursor = body.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

export function withQuery(path: string, filters: Filters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}
