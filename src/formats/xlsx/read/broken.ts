import type { FileErrorCode } from '../../../core/errors.ts';
import { BrokenFile } from '../../broken-file.ts';

/** What the parts of a workbook throw when nothing more can be read of it. */
export function broken(code: FileErrorCode, message: string): BrokenFile {
  return new BrokenFile({ code, message });
}

export function damaged(message: string): BrokenFile {
  return broken('file_damaged', message);
}
