import type { FileFormat } from '../../core/file-format.ts';

/** How many bytes at the start of a file are looked at to tell what it is. */
export const HEAD_BYTES = 64 * 1024;

const LONGEST_BOM = 3;

/** How many have to be there for it: a text is looked at from after its byte order mark. */
export const FIRST_BYTES = HEAD_BYTES + LONGEST_BOM;

/** What is known of a text besides its first bytes. */
export interface SniffTextOptions {
  /** Whether the head is the whole text. */
  atEnd: boolean;
  format: FileFormat;
  /** Names that a header row is told by. */
  known: ReadonlySet<string>;
}
