/** What a record holds that has no column of its own in a result table: of one that cannot be read, all of it. */
export const REST_COLUMN = '_rest';

/** A table that has a column of this name is a result file of ours that came back. */
export const MARKER_COLUMN = '_sheaf';

/** The number of a record in the batch that a result table tells of. */
export const RECORD_COLUMN = '_record';

/** The columns that we add to result tables. In a file that comes back they are no data. */
export const OUR_COLUMNS = [
  REST_COLUMN,
  RECORD_COLUMN,
  '_status',
  '_error_code',
  '_error',
  MARKER_COLUMN,
] as const;

export function isOurColumn(name: string): boolean {
  return (OUR_COLUMNS as readonly string[]).includes(name);
}
