import { createHash, randomUUID } from 'node:crypto';
import type { Bucket } from '../bucket.ts';
import { checksumHeader, createDigest, parseAlgorithm } from '../checksums.ts';
import { type Context, commitSegments, headersOf, MAX_PUT_BYTES, storeBody, uploadName } from '../context.ts';
import { ClientGone, S3Error } from '../errors.ts';
import { checksumHeaders, readMetadata, refuseUnsupported } from '../metadata.ts';
import { type ByteRange, parseCopyRange } from '../ranges.ts';
import type { Part, Segment, StoredObject, Upload, UploadStart } from '../records.ts';
import { headerOf, type S3Request } from '../request.ts';
import { sendEmpty, sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';
import { copyResult, copySource } from './copy-object.ts';

const MAX_PART_NUMBER = 10_000;

/** CreateMultipartUpload. @throws S3Error NotImplemented for checksums over the whole object */
export async function createMultipartUpload(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  const bucket = store.bucket(request.bucket);
  refuseUnsupported(request);
  const named = headerOf(request, 'x-amz-checksum-algorithm');
  const algorithm = named === undefined ? undefined : parseAlgorithm(named);
  if (named !== undefined && !algorithm)
    throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  if (headerOf(request, 'x-amz-checksum-type') === 'FULL_OBJECT') {
    throw new S3Error('NotImplemented', 'Multipart checksums are COMPOSITE here.');
  }
  const upload: UploadStart = {
    id: randomUUID().replaceAll('-', ''),
    key: request.key,
    initiated: now().getTime(),
    headers: readMetadata(request),
    ...(algorithm ? { algorithm } : {}),
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
    algorithm ? { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': 'COMPOSITE' } : {},
  );
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

/** UploadPartCopy, of all of the source or a range of it. The bytes are read once, for the part's MD5. */
export async function uploadPartCopy(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  refuseUnsupported(request);
  const bucket = store.bucket(request.bucket);
  const upload = bucket.upload(uploadIdOf(request), request.key);
  const number = partNumberOf(request);
  const source = copySource(context);
  const rangeHeader = headersOf(context)('x-amz-copy-source-range');
  const range = rangeHeader === undefined ? undefined : parseCopyRange(rangeHeader, source.object.size);
  const { start, end } = range ?? { start: 0, end: source.object.size - 1 };
  if (end - start + 1 > MAX_PUT_BYTES) throw new S3Error('EntityTooLarge');
  const copied = await copyBytes(context, source, bucket, { start, end }, upload.algorithm);
  const part: Part = { number, modified: now().getTime(), ...copied };
  await commitPart(bucket, upload, part);
  sendXml(response, document('CopyPartResult', copyResult(part)));
}

async function copyBytes(
  { response }: Context,
  source: { bucket: Bucket; object: StoredObject },
  target: Bucket,
  { start, end }: ByteRange,
  algorithm: Upload['algorithm'],
): Promise<Pick<Part, 'size' | 'etag' | 'segments' | 'checksum'>> {
  const release = source.bucket.data.pin(source.object.segments);
  try {
    const md5 = createDigest('MD5');
    const digest = algorithm ? createDigest(algorithm) : undefined;
    const writer = await target.data.create();
    try {
      try {
        for await (const chunk of source.bucket.data.read(source.object.segments, start, end)) {
          if (response.destroyed) throw new ClientGone('the client disconnected during a copy');
          md5.update(chunk);
          digest?.update(chunk);
          await writer.append(chunk);
        }
        await writer.sync();
      } finally {
        await writer.close();
      }
    } catch (error) {
      await target.data.remove([writer.segment]);
      throw error;
    }
    return {
      size: writer.segment.size,
      etag: md5.digest().toString('hex'),
      segments: [writer.segment],
      ...(algorithm && digest
        ? { checksum: { algorithm, value: digest.digest().toString('base64'), type: 'FULL_OBJECT' as const } }
        : {}),
    };
  } finally {
    release();
  }
}

async function commitPart(bucket: Bucket, upload: Upload, part: Part): Promise<void> {
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

/** The object that completing an upload with these parts makes: their files in a row, nothing is copied. */
export function assemble(upload: Upload, parts: readonly Part[], modified: number): StoredObject {
  const { algorithm } = upload;
  const md5 = createHash('md5');
  const digest = algorithm ? createDigest(algorithm) : undefined;
  const segments: Segment[] = [];
  let size = 0;
  for (const part of parts) {
    md5.update(Buffer.from(part.etag, 'hex'));
    digest?.update(Buffer.from(part.checksum?.value ?? '', 'base64'));
    segments.push(...part.segments);
    size += part.size;
  }
  return {
    key: upload.key,
    size,
    etag: `${md5.digest('hex')}-${parts.length}`,
    modified,
    segments,
    headers: upload.headers,
    upload: upload.id,
    ...(algorithm && digest
      ? {
          checksum: {
            algorithm,
            value: `${digest.digest().toString('base64')}-${parts.length}`,
            type: 'COMPOSITE',
          },
        }
      : {}),
  };
}

/** Whether a header of CompleteMultipartUpload gives another checksum of the object than we have. */
export function contradictsChecksum(request: S3Request, object: StoredObject): boolean {
  if (!object.checksum) return false;
  const given = headerOf(request, checksumHeader(object.checksum.algorithm));
  return (
    given !== undefined &&
    given !== object.checksum.value &&
    `${given}-` !== object.checksum.value.replace(/\d+$/, '')
  );
}

/** The upload that a request names; an empty one is answered as unknown. */
export function uploadIdOf(request: S3Request): string {
  return request.query.get('uploadId') ?? '';
}

function partNumberOf(request: S3Request): number {
  const text = request.query.get('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw new S3Error(
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
  );
}
