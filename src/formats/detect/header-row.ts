import { MARKER_COLUMN } from '../../core/our-columns.ts';

/** So many rows that are not blank may be titles and remarks before the one that names the columns. */
export const MOST_ROWS = 25;

/**
 * Which of a table's first rows names its columns: the one with the most known names, the first of those that tie, and the
 * first row where none has any. Rows above it are dropped, so they must look like titles: each has fewer cells that are
 * filled than the header row, and no more than one known name. Otherwise a row of data that happens to hold names of fields
 * would swallow those above it.
 *
 * @param rows the first rows that are not blank, in order
 * @returns its place in `rows`
 */
export function headerIndex(
  rows: readonly { cells: readonly string[] }[],
  known: ReadonlySet<string>,
): number {
  let best = 0;
  let most = 0;
  let fullest = 0;
  for (const [index, { cells }] of rows.slice(0, MOST_ROWS).entries()) {
    const filled = cells.filter((cell) => cell.trim() !== '').length;
    const names = knownNames(cells, known);
    if (names > most && filled > fullest) {
      best = index;
      most = names;
    }
    if (names > 1) break;
    fullest = Math.max(fullest, filled);
  }
  return best;
}

/** How many known names the cells of a row hold. */
export function knownNames(cells: readonly string[], known: ReadonlySet<string>): number {
  const names = new Set(cells.map((cell) => cell.trim()));
  return [...names].filter((name) => known.has(name) || name === MARKER_COLUMN).length;
}
