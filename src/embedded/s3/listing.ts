import type { StoredObject } from './records.ts';
import { fromByteOrder, type SortedKeys, toByteOrder } from './sorted-keys.ts';

export interface ListQuery {
  prefix: string;
  delimiter: string;
  maxKeys: number;
  startAfter: string;
  /** From `ListPage.next`, in place of `startAfter`. */
  resume: string | undefined;
  /** Whether a `startAfter` that is a common prefix stands for all that is under it. */
  skipsPrefix: boolean;
}

export interface ListPage {
  objects: StoredObject[];
  commonPrefixes: string[];
  /** Where the next page begins; undefined when there is none. */
  next: string | undefined;
  /** The last key or common prefix of this page. */
  last: string | undefined;
}

/** Above every UTF-8 byte, so `prefix + BEYOND` is above every key with that prefix. */
const BEYOND = '\u00ff';

/**
 * One page of a listing, in S3's order (UTF-8 bytes). A common prefix costs one search, however many keys are
 * under it. The marker for the next page is a bound in byte order, so objects that come and go between pages
 * neither shift it nor make it invalid.
 */
export function listPage(
  keys: SortedKeys,
  object: (key: string) => StoredObject | undefined,
  query: ListQuery,
): ListPage {
  const prefix = toByteOrder(query.prefix);
  const delimiter = toByteOrder(query.delimiter);
  const page: ListPage = { objects: [], commonPrefixes: [], next: undefined, last: undefined };
  if (query.maxKeys === 0) return page;
  const from =
    query.resume ?? boundBehind(toByteOrder(query.startAfter), prefix, delimiter, query.skipsPrefix);
  let bound = prefix;
  if (from > prefix) bound = from;
  for (let count = 0; ; count += 1) {
    const key = keys.ceiling(bound);
    if (key === undefined || !key.startsWith(prefix)) return page;
    if (count === query.maxKeys) {
      page.next = bound;
      return page;
    }
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut === -1) {
      const found = object(fromByteOrder(key));
      if (found) page.objects.push(found);
      page.last = fromByteOrder(key);
      bound = `${key}\0`;
    } else {
      const common = key.slice(0, cut + delimiter.length);
      page.last = fromByteOrder(common);
      page.commonPrefixes.push(page.last);
      bound = `${common}${BEYOND}`;
    }
  }
}

/** The least bound above `marker`: with `skips`, above all that a marker which is a common prefix stands for. */
function boundBehind(marker: string, prefix: string, delimiter: string, skips: boolean): string {
  if (marker === '') return '';
  const cut =
    skips && delimiter !== '' && marker.startsWith(prefix) ? marker.indexOf(delimiter, prefix.length) : -1;
  const isCommon = cut !== -1 && cut + delimiter.length === marker.length;
  return `${marker}${isCommon ? BEYOND : '\0'}`;
}
