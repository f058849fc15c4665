import type { FileFault } from '../core/errors.ts';

/** Of a file with more records than it may have: those that it may have are told apart and counted, and none after them. */
export function tooManyRecords(most: number): FileFault & { record: number } {
  const records = most === 1 ? '1 record' : `${most} records`;
  const message = `The file has more than ${records}, and the account may not have more in one; nothing after them was read`;
  return { code: 'file_too_many_records', message, record: most + 1 };
}
