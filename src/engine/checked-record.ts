import type { RecordFault } from '../core/chunk.ts';
import type { RecordError } from '../core/result.ts';

/** A record that was read and checked: its input, or every rule that it breaks; or there is nothing to be done with it. */
export type CheckedRecord = {
  number: number;
  /** Its value in the column that the batch names for it, if it has one there. */
  customId?: string;
} & (
  | { input: unknown; errors?: undefined; unreadable?: undefined; skipped?: undefined }
  | { skipped: true; input?: undefined; errors?: undefined; unreadable?: undefined }
  | {
      errors: RecordError[];
      skipped?: undefined;
      /** Set when not even its cells or keys could be told. */
      unreadable?: true;
      /** Set when it was given up since it crashes whoever tries it. */
      crashed?: true;
      fileFault?: RecordFault;
    }
);
