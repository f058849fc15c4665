import type { Bucket } from '../bucket.ts';
import type { Context } from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ListPage, listPage } from '../listing.ts';
import { owner } from '../owner.ts';
import type { Checksum, StoredObject } from '../records.ts';
import type { S3Request } from '../request.ts';
import { sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';
import { countOf, encoderOf } from './page-query.ts';

/** ListObjectsV2. @throws S3Error InvalidArgument, NoSuchBucket */
export async function listObjectsV2({ request, response, store }: Context): Promise<void> {
  const { query } = request;
  const bucket = store.bucket(request.bucket);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const from = token === undefined ? { startAfter: startAfter ?? '' } : { resume: decodeToken(token) };
  const page = pageOf(request, bucket, from);
  const encode = encoderOf(request);
  const children = [
    ...sharedElements(request, bucket, page),
    element('KeyCount', page.objects.length + page.commonPrefixes.length),
    element('ContinuationToken', token),
    element('NextContinuationToken', page.next && Buffer.from(page.next, 'latin1').toString('base64url')),
    element('StartAfter', startAfter === undefined ? undefined : encode(startAfter)),
    ...items(page, encode, query.get('fetch-owner') === 'true'),
  ];
  sendXml(response, document('ListBucketResult', children));
}

/**
 * ListObjects, the first version, which older tools use: a page begins behind a marker, a key or a common prefix.
 * @throws S3Error InvalidArgument, NoSuchBucket
 */
export async function listObjectsV1({ request, response, store }: Context): Promise<void> {
  const { query } = request;
  const bucket = store.bucket(request.bucket);
  const marker = query.get('marker') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const page = pageOf(request, bucket, { startAfter: marker, skipsPrefix: true });
  const encode = encoderOf(request);
  // S3 names the next marker only where the last key of the page might not be it.
  const next = page.next !== undefined && delimiter !== '' ? page.last : undefined;
  const children = [
    ...sharedElements(request, bucket, page),
    element('Marker', encode(marker)),
    element('NextMarker', next === undefined ? undefined : encode(next)),
    ...items(page, encode, true),
  ];
  sendXml(response, document('ListBucketResult', children));
}

function pageOf(
  request: S3Request,
  bucket: Bucket,
  from: { startAfter?: string; resume?: string; skipsPrefix?: boolean },
): ListPage {
  return listPage(bucket.state.keys, (key) => bucket.state.object(key), {
    prefix: request.query.get('prefix') ?? '',
    delimiter: request.query.get('delimiter') ?? '',
    maxKeys: countOf(request, 'max-keys'),
    startAfter: from.startAfter ?? '',
    resume: from.resume,
    skipsPrefix: from.skipsPrefix ?? false,
  });
}

function sharedElements(request: S3Request, bucket: Bucket, page: ListPage): string[] {
  const { query } = request;
  const encode = encoderOf(request);
  const delimiter = query.get('delimiter');
  return [
    element('Name', bucket.name),
    element('Prefix', encode(query.get('prefix') ?? '')),
    element('Delimiter', delimiter === undefined ? undefined : encode(delimiter)),
    element('MaxKeys', countOf(request, 'max-keys')),
    element('EncodingType', query.get('encoding-type')),
    element('IsTruncated', page.next !== undefined),
  ];
}

function items(page: ListPage, encode: (text: string) => string, withOwner: boolean): string[] {
  const contents = ({ key, modified, etag, size, checksum }: StoredObject): string =>
    element('Contents', [
      element('Key', encode(key)),
      element('LastModified', new Date(modified).toISOString()),
      element('ETag', `"${etag}"`),
      ...checksumElements(checksum),
      element('Size', size),
      ...(withOwner ? [owner('Owner')] : []),
      element('StorageClass', 'STANDARD'),
    ]);
  const prefixes = page.commonPrefixes.map((common) =>
    element('CommonPrefixes', [element('Prefix', encode(common))]),
  );
  return [...page.objects.map(contents), ...prefixes];
}

function checksumElements(checksum: Checksum | undefined): string[] {
  if (!checksum) return [];
  return [element('ChecksumAlgorithm', checksum.algorithm), element('ChecksumType', checksum.type)];
}

function decodeToken(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return bytes.toString('latin1');
}
