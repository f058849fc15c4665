import { createHash } from 'node:crypto';
import { checksumHeader, checksumOfParts } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Checksum, Part, StoredObject, Upload } from './records.ts';

/** The object that completing an upload with these parts makes: their files in a row, nothing is copied. */
export function assemble(upload: Upload, parts: readonly Part[], modified: number): StoredObject {
  const md5 = createHash('md5');
  for (const part of parts) md5.update(Buffer.from(part.etag, 'hex'));
  const checksum = wholeChecksum(upload, parts);
  return {
    key: upload.key,
    size: parts.reduce((size, part) => size + part.size, 0),
    etag: `${md5.digest('hex')}-${parts.length}`,
    modified,
    segments: parts.flatMap((part) => part.segments),
    headers: upload.headers,
    upload: upload.id,
    ...(checksum ? { checksum } : {}),
  };
}

function wholeChecksum(upload: Upload, parts: readonly Part[]): Checksum | undefined {
  const { algorithm, checksumType: type = 'COMPOSITE' } = upload;
  if (!algorithm) return undefined;
  const sums = parts.map(({ checksum, size }) => ({ value: checksum?.value ?? '', size }));
  return { algorithm, type, value: checksumOfParts(algorithm, type, sums) };
}

/**
 * Holds the headers of CompleteMultipartUpload to what came together.
 * @throws S3Error BadDigest, InvalidRequest
 */
export function checkWhole(headers: ReadonlyMap<string, string>, object: StoredObject): void {
  const size = headers.get('x-amz-mp-object-size');
  if (size !== undefined && size !== String(object.size)) {
    throw new S3Error('InvalidRequest', 'x-amz-mp-object-size is not the size of the parts.');
  }
  const { checksum } = object;
  for (const [name, value] of headers) {
    if (!/^x-amz-checksum-(?!mode$|algorithm$)\w+$/.test(name)) continue;
    if (!checksum) {
      throw new S3Error(
        'InvalidRequest',
        `${name} needs an upload that was begun with x-amz-checksum-algorithm.`,
      );
    }
    const own = name === 'x-amz-checksum-type' ? checksum.type : valueUnder(name, checksum);
    if (own !== value && own?.replace(/-\d+$/, '') !== value) {
      throw new S3Error('BadDigest', `The ${name} you specified did not match what was calculated.`);
    }
  }
}

function valueUnder(name: string, { algorithm, value }: Checksum): string | undefined {
  return name === checksumHeader(algorithm) ? value : undefined;
}
