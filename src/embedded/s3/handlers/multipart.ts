import { randomUUID } from 'node:crypto';
import type { Bucket } from '../bucket.ts';
import { parseAlgorithm, parseChecksumType } from '../checksums.ts';
import { type Context, commitSegments, storeBody, uploadName } from '../context.ts';
import { S3Error } from '../errors.ts';
import { checksumHeaders, readMetadata, refuseUnsupported } from '../metadata.ts';
import { parsePartNumber } from '../part-ranges.ts';
import type { Part, Upload, UploadStart } from '../records.ts';
import { headerOf, type S3Request } from '../request.ts';
import { sendEmpty, sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';

/** CreateMultipartUpload. @throws S3Error InvalidRequest for a checksum, or a type of it, that S3 does not have */
export async function createMultipartUpload(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  const bucket = store.bucket(request.bucket);
  refuseUnsupported(request);
  const checksum = wantedChecksum(request);
  const upload: UploadStart = {
    id: randomUUID().replaceAll('-', ''),
    key: request.key,
    initiated: now().getTime(),
    headers: readMetadata(request),
    ...checksum,
  };
  await bucket.commit([uploadName(upload.id)], () => [{ op: 'upload', upload }]);
  const children = [
    element('Bucket', bucket.name),
    element('Key', upload.key),
    element('UploadId', upload.id),
  ];
  sendXml(
    response,
    document('InitiateMultipartUploadResult', children),
    checksum
      ? { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.checksumType }
      : {},
  );
}

function wantedChecksum(
  request: S3Request,
): Required<Pick<Upload, 'algorithm' | 'checksumType'>> | undefined {
  const named = headerOf(request, 'x-amz-checksum-algorithm');
  const type = headerOf(request, 'x-amz-checksum-type');
  if (named === undefined) {
    if (type === undefined) return undefined;
    throw new S3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const algorithm = parseAlgorithm(named);
  if (!algorithm) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  return { algorithm, checksumType: parseChecksumType(algorithm, type) };
}

/** UploadPart. A part of the same number takes the former's place. */
export async function uploadPart(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  refuseUnsupported(request);
  const bucket = store.bucket(request.bucket);
  const upload = bucket.upload(uploadIdOf(request), request.key);
  const number = partNumberOf(request);
  const body = await storeBody(context, bucket, upload.algorithm);
  const part: Part = {
    number,
    size: body.size,
    etag: body.md5.toString('hex'),
    modified: now().getTime(),
    segments: body.segments,
    ...(body.checksum ? { checksum: body.checksum } : {}),
  };
  await commitPart(bucket, upload, part);
  sendEmpty(response, 200, { etag: `"${part.etag}"`, ...checksumHeaders(part.checksum) });
}

/** Records a part whose bytes are stored. @throws S3Error NoSuchUpload when it ended meanwhile, InvalidRequest for another checksum */
export async function commitPart(bucket: Bucket, upload: Upload, part: Part): Promise<void> {
  const { algorithm } = upload;
  await commitSegments(bucket, part.segments, [uploadName(upload.id)], () => {
    bucket.upload(upload.id, upload.key);
    if (algorithm && part.checksum?.algorithm !== algorithm) {
      const given = part.checksum?.algorithm ?? 'null';
      throw new S3Error(
        'InvalidRequest',
        `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}, actual checksum Type: ${given}`,
      );
    }
    return [{ op: 'part', upload: upload.id, part }];
  });
}

/** AbortMultipartUpload. */
export async function abortMultipartUpload({ request, response, store }: Context): Promise<void> {
  const bucket = store.bucket(request.bucket);
  const id = uploadIdOf(request);
  await bucket.commit([uploadName(id)], () => {
    bucket.upload(id, request.key);
    return [{ op: 'abort', upload: id }];
  });
  sendEmpty(response, 204);
}

/** The upload that a request names; an empty one is answered as unknown. */
export function uploadIdOf(request: S3Request): string {
  return request.query.get('uploadId') ?? '';
}

/** @throws S3Error InvalidArgument */
export function partNumberOf(request: S3Request): number {
  return parsePartNumber(request.query.get('partNumber') ?? '');
}
