import type { Context } from '../context.ts';
import { S3Error } from '../errors.ts';
import { listPage } from '../listing.ts';
import type { Checksum, Upload } from '../records.ts';
import type { S3Request } from '../request.ts';
import { sendXml } from '../responses.ts';
import { uriEncodePath } from '../sigv4.ts';
import { toByteOrder } from '../sorted-keys.ts';
import { document, element } from '../xml.ts';
import { uploadIdOf } from './multipart.ts';

const MAX_ITEMS = 1000;

/** ListObjectsV2. @throws S3Error InvalidArgument, NoSuchBucket */
export async function listObjects({ request, response, store }: Context): Promise<void> {
  const { query } = request;
  const bucket = store.bucket(request.bucket);
  const maxKeys = countOf(request, 'max-keys');
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after') ?? '';
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const resume = token === undefined ? undefined : decodeToken(token);
  const page = listPage(bucket.state.keys, (key) => bucket.state.object(key), {
    prefix,
    delimiter,
    maxKeys,
    startAfter,
    resume,
  });
  const encode = encoder(request);
  const contents = page.objects.map((object) =>
    element('Contents', [
      element('Key', encode(object.key)),
      element('LastModified', new Date(object.modified).toISOString()),
      element('ETag', `"${object.etag}"`),
      ...checksumElements(object.checksum),
      element('Size', object.size),
      ...(query.get('fetch-owner') === 'true' ? [owner('Owner')] : []),
      element('StorageClass', 'STANDARD'),
    ]),
  );
  const prefixes = page.commonPrefixes.map((common) =>
    element('CommonPrefixes', [element('Prefix', encode(common))]),
  );
  const children = [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    element('Delimiter', query.has('delimiter') ? encode(delimiter) : undefined),
    element('MaxKeys', maxKeys),
    element('EncodingType', query.get('encoding-type')),
    element('KeyCount', contents.length + prefixes.length),
    element('IsTruncated', page.next !== undefined),
    element('ContinuationToken', token),
    element('NextContinuationToken', page.next && Buffer.from(page.next, 'latin1').toString('base64url')),
    element('StartAfter', query.has('start-after') ? encode(startAfter) : undefined),
    ...contents,
    ...prefixes,
  ];
  sendXml(response, document('ListBucketResult', children));
}

/** ListMultipartUploads, by key and then by age. Delimiters are not done here. */
export async function listMultipartUploads({ request, response, store }: Context): Promise<void> {
  const bucket = store.bucket(request.bucket);
  const maxUploads = countOf(request, 'max-uploads');
  const prefix = request.query.get('prefix') ?? '';
  const keyMarker = request.query.get('key-marker') ?? '';
  const idMarker = request.query.get('upload-id-marker');
  const uploads = [...bucket.state.uploads.values()]
    .filter((upload) => upload.key.startsWith(prefix))
    .sort(byKeyAndAge);
  const from =
    keyMarker === ''
      ? 0
      : uploads.findIndex((upload) => isBehind(upload, keyMarker, idMarker, bucket.state.uploads));
  const rest = from === -1 ? [] : uploads.slice(from);
  const page = rest.slice(0, maxUploads);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  const encode = encoder(request);
  const children = [
    element('Bucket', bucket.name),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', idMarker ?? ''),
    element('NextKeyMarker', last && encode(last.key)),
    element('NextUploadIdMarker', last?.id),
    element('Prefix', encode(prefix)),
    element('EncodingType', request.query.get('encoding-type')),
    element('MaxUploads', maxUploads),
    element('IsTruncated', last !== undefined),
    ...page.map((upload) =>
      element('Upload', [
        element('Key', encode(upload.key)),
        element('UploadId', upload.id),
        owner('Initiator'),
        owner('Owner'),
        element('StorageClass', 'STANDARD'),
        element('Initiated', new Date(upload.initiated).toISOString()),
        element('ChecksumAlgorithm', upload.algorithm),
      ]),
    ),
  ];
  sendXml(response, document('ListMultipartUploadsResult', children));
}

/** ListParts. @throws S3Error NoSuchUpload */
export async function listParts({ request, response, store }: Context): Promise<void> {
  const bucket = store.bucket(request.bucket);
  const upload = bucket.upload(uploadIdOf(request), request.key);
  const maxParts = countOf(request, 'max-parts');
  const marker = Number(request.query.get('part-number-marker') ?? 0);
  if (!Number.isInteger(marker) || marker < 0) throw new S3Error('InvalidArgument');
  const rest = [...upload.parts.values()]
    .filter((part) => part.number > marker)
    .sort((left, right) => left.number - right.number);
  const page = rest.slice(0, maxParts);
  const truncated = rest.length > page.length && page.length > 0;
  const children = [
    element('Bucket', bucket.name),
    element('Key', encoder(request)(upload.key)),
    element('UploadId', upload.id),
    owner('Initiator'),
    owner('Owner'),
    element('StorageClass', 'STANDARD'),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', page.at(-1)?.number),
    element('MaxParts', maxParts),
    element('IsTruncated', truncated),
    element('ChecksumAlgorithm', upload.algorithm),
    ...page.map((part) =>
      element('Part', [
        element('PartNumber', part.number),
        element('LastModified', new Date(part.modified).toISOString()),
        element('ETag', `"${part.etag}"`),
        element('Size', part.size),
        ...(part.checksum ? [element(`Checksum${part.checksum.algorithm}`, part.checksum.value)] : []),
      ]),
    ),
  ];
  sendXml(response, document('ListPartsResult', children));
}

function countOf(request: S3Request, name: string): number {
  const text = request.query.get(name) ?? String(MAX_ITEMS);
  if (!/^\d{1,10}$/.test(text)) throw new S3Error('InvalidArgument', `${name} must be a number.`);
  return Math.min(Number(text), MAX_ITEMS);
}

function decodeToken(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return bytes.toString('latin1');
}

/** With `encoding-type=url` keys are percent-encoded: XML 1.0 cannot hold every character that a key can. */
function encoder(request: S3Request): (text: string) => string {
  const type = request.query.get('encoding-type');
  if (type === undefined) return (text) => text;
  if (type !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return uriEncodePath;
}

function checksumElements(checksum: Checksum | undefined): string[] {
  if (!checksum) return [];
  return [element('ChecksumAlgorithm', checksum.algorithm), element('ChecksumType', checksum.type)];
}

function owner(name: string): string {
  return element(name, [element('ID', 'sheaf'), element('DisplayName', 'sheaf')]);
}

function byKeyAndAge(left: Upload, right: Upload): number {
  const [a, b] = [toByteOrder(left.key), toByteOrder(right.key)];
  if (a !== b) return a < b ? -1 : 1;
  if (left.initiated !== right.initiated) return left.initiated - right.initiated;
  return left.id < right.id ? -1 : 1;
}

/** Whether an upload comes after the markers; the marker's own upload may have ended meanwhile. */
function isBehind(
  upload: Upload,
  key: string,
  id: string | undefined,
  all: ReadonlyMap<string, Upload>,
): boolean {
  const [own, marker] = [toByteOrder(upload.key), toByteOrder(key)];
  if (own !== marker) return own > marker;
  const marked = id === undefined ? undefined : all.get(id);
  if (id === undefined) return false;
  return marked ? byKeyAndAge(upload, marked) > 0 : true;
}
