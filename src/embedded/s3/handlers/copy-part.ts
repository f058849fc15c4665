import type { Bucket } from '../bucket.ts';
import { createDigest } from '../checksums.ts';
import { type Context, headersOf, MAX_PUT_BYTES } from '../context.ts';
import { ClientGone, S3Error } from '../errors.ts';
import { refuseUnsupported } from '../metadata.ts';
import { type ByteRange, parseCopyRange } from '../ranges.ts';
import type { Part, StoredObject, Upload } from '../records.ts';
import { sendXml } from '../responses.ts';
import { document } from '../xml.ts';
import { copyResult, copySource } from './copy-object.ts';
import { commitPart, partNumberOf, uploadIdOf } from './multipart.ts';

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
    const writer = await target.data.create(end - start + 1);
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
