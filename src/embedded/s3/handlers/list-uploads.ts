import type { Context } from '../context.ts';
import { S3Error } from '../errors.ts';
import { owner } from '../owner.ts';
import type { Upload } from '../records.ts';
import { sendXml } from '../responses.ts';
import { toByteOrder } from '../sorted-keys.ts';
import { document, element } from '../xml.ts';
import { uploadIdOf } from './multipart.ts';
import { countOf, encoderOf } from './page-query.ts';

/** One line of the listing: an upload, or a common prefix of several. */
interface Item {
  name: string;
  upload: Upload | undefined;
}

/** ListMultipartUploads, by key and then by age. @throws S3Error InvalidArgument, NoSuchBucket */
export async function listMultipartUploads({ request, response, store }: Context): Promise<void> {
  const { query } = request;
  const bucket = store.bucket(request.bucket);
  const maxUploads = countOf(request, 'max-uploads');
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker');
  const all = [...bucket.state.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort(byKeyAndAge);
  const marked = idMarker === undefined ? undefined : bucket.state.uploads.get(idMarker);
  const rest = fold(all, prefix, delimiter).filter((item) => isBehind(item, keyMarker, idMarker, marked));
  const page = rest.slice(0, maxUploads);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  const encode = encoderOf(request);
  const children = [
    element('Bucket', bucket.name),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', idMarker ?? ''),
    element('NextKeyMarker', last && encode(last.name)),
    element('NextUploadIdMarker', last && (last.upload?.id ?? '')),
    element('Prefix', encode(prefix)),
    element('Delimiter', query.has('delimiter') ? encode(delimiter) : undefined),
    element('EncodingType', query.get('encoding-type')),
    element('MaxUploads', maxUploads),
    element('IsTruncated', last !== undefined),
    ...page.flatMap(({ upload }) => (upload ? [uploadElement(upload, encode)] : [])),
    ...page.flatMap(({ name, upload }) =>
      upload ? [] : [element('CommonPrefixes', [element('Prefix', encode(name))])],
    ),
  ];
  sendXml(response, document('ListMultipartUploadsResult', children));
}

function fold(uploads: readonly Upload[], prefix: string, delimiter: string): Item[] {
  const items: Item[] = [];
  for (const upload of uploads) {
    const cut = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length);
    if (cut === -1) items.push({ name: upload.key, upload });
    else {
      const common = upload.key.slice(0, cut + delimiter.length);
      if (items.at(-1)?.name !== common || items.at(-1)?.upload)
        items.push({ name: common, upload: undefined });
    }
  }
  return items;
}

function uploadElement(upload: Upload, encode: (text: string) => string): string {
  return element('Upload', [
    element('Key', encode(upload.key)),
    element('UploadId', upload.id),
    owner('Initiator'),
    owner('Owner'),
    element('StorageClass', 'STANDARD'),
    element('Initiated', new Date(upload.initiated).toISOString()),
    element('ChecksumAlgorithm', upload.algorithm),
    element('ChecksumType', checksumTypeOf(upload)),
  ]);
}

function checksumTypeOf({ algorithm, checksumType }: Upload): string | undefined {
  return algorithm && (checksumType ?? 'COMPOSITE');
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
    element('Key', encoderOf(request)(upload.key)),
    element('UploadId', upload.id),
    owner('Initiator'),
    owner('Owner'),
    element('StorageClass', 'STANDARD'),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', page.at(-1)?.number),
    element('MaxParts', maxParts),
    element('IsTruncated', truncated),
    element('ChecksumAlgorithm', upload.algorithm),
    element('ChecksumType', checksumTypeOf(upload)),
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

function byKeyAndAge(left: Upload, right: Upload): number {
  const [a, b] = [toByteOrder(left.key), toByteOrder(right.key)];
  if (a !== b) return a < b ? -1 : 1;
  if (left.initiated !== right.initiated) return left.initiated - right.initiated;
  if (left.id === right.id) return 0;
  return left.id < right.id ? -1 : 1;
}

/** Whether an item comes after the markers; the marker's own upload may have ended meanwhile. */
function isBehind(item: Item, key: string, id: string | undefined, marked: Upload | undefined): boolean {
  const [own, marker] = [toByteOrder(item.name), toByteOrder(key)];
  if (own !== marker) return own > marker;
  if (id === undefined || !item.upload) return false;
  return marked ? byKeyAndAge(item.upload, marked) > 0 : true;
}
