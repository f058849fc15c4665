import { type FieldProblem, invalidRequest } from '../core/errors.ts';
import { MULTIPART, type StoredPart, type UploadedPart } from './ports/object-store.ts';
import type { Upload } from './ports/request-stores.ts';

/** Numbers that a message names before it only says that there are more. */
const MOST_NAMES = 20;

/**
 * Compares the parts that a client lists with those that the store has: all of them, in order, as they were put. To
 * make an object of some of them only would cut the file without a word.
 * @returns the parts with the store's own ETags
 * @throws {RequestError} invalid_request with an entry for each part that is wrong
 */
export function checkParts(
  upload: Pick<Upload, 'partCount' | 'size'>,
  listed: readonly UploadedPart[],
  stored: readonly StoredPart[],
): StoredPart[] {
  const count = upload.partCount ?? 0;
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const problems = listed.flatMap((part, index) => {
    const previous = listed[index - 1]?.number ?? 0;
    const problem = wrongWith(part, previous, byNumber.get(part.number), count);
    return problem === null ? [] : [{ ...problem, pointer: `/${index}${problem.pointer}` }];
  });
  const numbers = new Set(listed.map((part) => part.number));
  const left = Array.from({ length: count }, (_, index) => index + 1).filter(
    (number) => !numbers.has(number),
  );
  if (left.length > 0) problems.push({ pointer: '', code: 'part_missing', message: notListed(left) });
  if (problems.length > 0) throw invalidRequest(...problems);

  const bytes = stored.reduce((sum, part) => sum + part.bytes, 0);
  if (upload.size !== null && bytes !== upload.size) {
    const message = `the parts have ${bytes} bytes together; the upload was made for ${upload.size}`;
    throw invalidRequest({ pointer: '', code: 'size_differs', message });
  }
  return listed.map((part) => byNumber.get(part.number)!);
}

function wrongWith(
  { number, etag }: UploadedPart,
  previous: number,
  stored: StoredPart | undefined,
  count: number,
): FieldProblem | null {
  if (number > count) {
    return {
      pointer: '/number',
      code: 'out_of_range',
      message: `must be at most ${count}, as many as were asked for`,
    };
  }
  if (number <= previous) {
    return {
      pointer: '/number',
      code: 'part_order',
      message: `must be more than ${previous}, which stands before it`,
    };
  }
  if (stored === undefined)
    return { pointer: '', code: 'part_missing', message: 'has not been put to its URL' };
  if (bare(stored.etag) !== bare(etag)) {
    const message = `is not the ETag of part ${number}, which is ${bare(stored.etag)}`;
    return { pointer: '/etag', code: 'part_changed', message };
  }
  if (number < count && stored.bytes < MULTIPART.leastBytes) {
    const message = `has ${stored.bytes} bytes; every part but the last has at least ${MULTIPART.leastBytes}`;
    return { pointer: '', code: 'part_too_small', message };
  }
  return null;
}

/** Some clients keep the quotes that an ETag has as a header, some do not. */
function bare(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

function notListed(numbers: readonly number[]): string {
  const named = numbers.length > MOST_NAMES ? [...numbers.slice(0, MOST_NAMES), '…'] : numbers;
  return numbers.length === 1
    ? `part ${numbers[0]} is not listed`
    : `the parts ${named.join(', ')} are not listed`;
}
