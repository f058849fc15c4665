import type { RecordError } from '../../core/result.ts';
import type { RecordStatus } from './chunk-results.ts';
import type { ClientCells } from './client-columns.ts';

/** A record in a result table. The texts of the client are as they stand in its cells: no spreadsheet runs them. */
export interface TableRow extends ClientCells {
  record: number;
  status: RecordStatus;
  errors: readonly RecordError[];
}
