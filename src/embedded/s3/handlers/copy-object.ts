import type { Bucket } from '../bucket.ts';
import { createDigest, parseAlgorithm } from '../checksums.ts';
import { checkCopyConditions, checkWriteConditions } from '../conditions.ts';
import { type Context, commitSegments, headersOf, keyName, MAX_PUT_BYTES } from '../context.ts';
import { ClientGone, S3Error } from '../errors.ts';
import { readMetadata, refuseUnsupported } from '../metadata.ts';
import type { Checksum, Segment, StoredObject } from '../records.ts';
import { headerOf } from '../request.ts';
import { sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';

/**
 * The object that `x-amz-copy-source` names, its own conditions checked.
 * @throws S3Error InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed
 */
export function copySource(context: Context): { bucket: Bucket; object: StoredObject } {
  const raw = headerOf(context.request, 'x-amz-copy-source') ?? '';
  const mark = raw.lastIndexOf('?versionId=');
  if (mark !== -1 && raw.slice(mark) !== '?versionId=null') {
    throw new S3Error('NotImplemented', 'There are no object versions.');
  }
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decodeSource(mark === -1 ? raw : raw.slice(0, mark)));
  if (!match) throw new S3Error('InvalidArgument', 'x-amz-copy-source must be BUCKET/KEY, percent-encoded.');
  const bucket = context.store.bucket(match[1] as string);
  const object = bucket.object(match[2] as string);
  checkCopyConditions(headersOf(context), object);
  return { bucket, object };
}

function decodeSource(raw: string): string {
  try {
    // A key beyond ASCII may come as it is; node:http gives its bytes as latin1.
    return decodeURIComponent(Buffer.from(raw, 'latin1').toString('utf8'));
  } catch (error) {
    if (error instanceof URIError)
      throw new S3Error('InvalidArgument', 'x-amz-copy-source is not percent-encoded UTF-8.');
    throw error;
  }
}

/**
 * CopyObject: new names for the same files, so it costs nothing whatever the size. The ETag stays the source's,
 * also that of a multipart object, whose MD5 S3 would compute afresh.
 */
export async function copyObject(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  const { key } = request;
  refuseUnsupported(request);
  const target = store.bucket(request.bucket);
  const source = copySource(context);
  const header = headersOf(context);
  checkWriteConditions(header, target.state.object(key));
  const directive = header('x-amz-metadata-directive') ?? 'COPY';
  if (!/^(COPY|REPLACE)$/.test(directive))
    throw new S3Error('InvalidArgument', 'Unknown metadata directive.');
  const replace = directive === 'REPLACE';
  if (!replace && source.bucket === target && source.object.key === key) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata.",
    );
  }
  if (source.object.size > MAX_PUT_BYTES) {
    throw new S3Error(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_PUT_BYTES}`,
    );
  }
  const headers = replace ? readMetadata(request) : source.object.headers;
  const { checksum, segments } = await copyData(context, source, target);
  const { upload: _, checksum: __, ...kept } = source.object;
  const object: StoredObject = {
    ...kept,
    key,
    segments,
    headers,
    modified: now().getTime(),
    ...(checksum ? { checksum } : {}),
  };
  await commitSegments(target, segments, [keyName(key)], () => {
    checkWriteConditions(header, target.state.object(key));
    return [{ op: 'put', object }];
  });
  sendXml(response, document('CopyObjectResult', copyResult(object)));
}

interface CopiedData {
  segments: Segment[];
  checksum: Checksum | undefined;
}

async function copyData(
  context: Context,
  { bucket, object }: { bucket: Bucket; object: StoredObject },
  target: Bucket,
): Promise<CopiedData> {
  const release = bucket.data.pin(object.segments);
  try {
    const checksum = await copyChecksum(context, bucket, object);
    return { checksum, segments: await adoptAll(bucket, target, object.segments) };
  } finally {
    release();
  }
}

/** A copy keeps its source's checksum; for another that is asked for the bytes are read. */
async function copyChecksum(
  context: Context,
  bucket: Bucket,
  { segments, size, checksum }: StoredObject,
): Promise<Checksum | undefined> {
  const named = headersOf(context)('x-amz-checksum-algorithm');
  if (named === undefined) return checksum;
  const algorithm = parseAlgorithm(named);
  if (!algorithm) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  if (algorithm === checksum?.algorithm) return checksum;
  const digest = createDigest(algorithm);
  for await (const chunk of bucket.data.read(segments, 0, size - 1)) {
    if (context.response.destroyed) throw new ClientGone('the client disconnected during a copy');
    digest.update(chunk);
  }
  return { algorithm, value: digest.digest().toString('base64'), type: 'FULL_OBJECT' };
}

/** What CopyObjectResult and CopyPartResult hold. */
export function copyResult({
  etag,
  modified,
  checksum,
}: Pick<StoredObject, 'etag' | 'modified' | 'checksum'>): string[] {
  return [
    element('LastModified', new Date(modified).toISOString()),
    element('ETag', `"${etag}"`),
    ...(checksum
      ? [element(`Checksum${checksum.algorithm}`, checksum.value), element('ChecksumType', checksum.type)]
      : []),
  ];
}

/** The caller pins. */
async function adoptAll(source: Bucket, target: Bucket, segments: readonly Segment[]): Promise<Segment[]> {
  const adopted: Segment[] = [];
  try {
    for (const segment of segments) adopted.push(await target.data.adopt(source.data, segment));
    return adopted;
  } catch (error) {
    await target.data.remove(adopted);
    throw error;
  }
}
