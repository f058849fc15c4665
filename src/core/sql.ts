/** A value that can be bound to a parameter of a statement. Arrays become PostgreSQL arrays. */
export type SqlValue =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly (string | number | boolean | null)[];

/**
 * The chunk's transaction as a handler sees it: a tagged template whose values are bound, never spliced in.
 * What it writes commits together with the chunk's results, or not at all.
 */
export type TransactionSql = <Row>(
  strings: TemplateStringsArray,
  ...values: readonly SqlValue[]
) => Promise<Row[]>;
