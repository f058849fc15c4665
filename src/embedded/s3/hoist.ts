import { validateHeaderName, validateHeaderValue } from 'node:http';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** Parameters of a presigned URL that are about the signature itself. */
const QUERY_NAMES = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-content-sha256',
]);

/**
 * Makes the `x-amz-*` parameters of a presigned URL the headers that they stand for. Only of a URL whose signature was
 * found good.
 * @throws S3Error InvalidArgument for what no header can hold, InvalidRequest for a header that says otherwise
 */
export function hoist(request: S3Request): void {
  for (const [name, value] of request.query) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-') || QUERY_NAMES.has(lower)) continue;
    // In the form of a header that was received, so that it can be kept and sent like one.
    const bytes = Buffer.from(value, 'utf8').toString('latin1');
    checkHeader(lower, bytes);
    const header = request.http.headers[lower];
    if (header !== undefined && header !== bytes) {
      throw new S3Error(
        'InvalidRequest',
        `${lower} is given as a header and in the query, with different values.`,
      );
    }
    request.hoisted.set(lower, bytes);
  }
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (error) {
    throw new S3Error(
      'InvalidArgument',
      `The query parameter ${name} is no valid header: ${(error as Error).message}`,
    );
  }
}
