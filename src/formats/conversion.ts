import type { ChunkLimits } from '../core/chunk.ts';
import type { Encoding, FileFormat } from '../core/file-format.ts';

/** What the copying pass knows of a file that has to be converted before its records can be cut into chunks. */
export interface Conversion {
  /** `null`: only what is in the container tells. */
  encoding: Encoding | null;
}

/** How a file is to be read. */
export interface ReadingOptions {
  limits: ChunkLimits;
  format: FileFormat;
  /** Names that a header row is told by: fields of the operation, mapped columns, the `custom_id` column. */
  known: ReadonlySet<string>;
}
