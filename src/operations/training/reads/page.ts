/** Which part of a list is asked for. */
export interface PageRequest {
  /** From 1. */
  page: number;
  perPage: number;
}

/** A part of a list. */
export interface ListPage<Row> {
  /** Of the whole list. */
  count: number;
  results: Row[];
}

/** How many rows are before the page. */
export function offsetOf({ page, perPage }: PageRequest): number {
  return (page - 1) * perPage;
}
