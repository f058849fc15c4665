import type { FileErrorCode, FileFault } from '../../core/errors.ts';
import type { FileFormat, FileType } from '../../core/file-format.ts';

/** What a client says a file is, directly or by what only files of one type have. */
export interface StatedType {
  type: FileType;
  /** How it is said: the beginning of a message. */
  says: string;
}

export function statedType(format: FileFormat): StatedType | null {
  if (format.type !== undefined) return { type: format.type, says: `\`format.type\` says ${format.type}` };
  if (format.delimiter !== undefined) return { type: 'csv', says: '`format.delimiter` is for CSV' };
  if (format.quote !== undefined) return { type: 'csv', says: '`format.quote` is for CSV' };
  if (format.sheet !== undefined) return { type: 'xlsx', says: '`format.sheet` is for XLSX' };
  return null;
}

/** What a file was found to be that is not read. */
export interface Refused {
  fault: FileFault;
  container?: undefined;
  encoding?: undefined;
  type?: undefined;
}

/** A fault for what a file seems to be, and first of all for what was said of it. */
export function refused(
  says: string | undefined,
  what: string,
  advice: string,
  options: { code?: FileErrorCode; offset?: number } = {},
): Refused {
  const { code = 'file_not_supported', offset = 0 } = options;
  const message = says === undefined ? `It ${what}; ${advice}` : `${says}, but it ${what}; ${advice}`;
  return { fault: { code, message, offset } };
}
