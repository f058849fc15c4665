import { assemble, checkWhole } from '../assemble.ts';
import { CHECKSUM_ALGORITHMS } from '../checksums.ts';
import { checkWriteConditions } from '../conditions.ts';
import { type Context, headersOf, keyName, readText, uploadName } from '../context.ts';
import { S3Error } from '../errors.ts';
import type { Part, StoredObject, Upload } from '../records.ts';
import { allHeaders } from '../request.ts';
import { sendXml } from '../responses.ts';
import { uriEncodePath } from '../sigv4.ts';
import { childrenOf, document, element, parseDocument, textOf, type XmlNode } from '../xml.ts';
import { uploadIdOf } from './multipart.ts';

const MIN_PART_BYTES = 5 * 1024 ** 2;

interface NamedPart {
  number: number;
  etag: string;
  checksums: ReadonlyMap<string, string>;
}

/**
 * CompleteMultipartUpload: one line of the journal, whatever the size. A repetition after success, when the
 * client did not get the answer, is answered like the first.
 * @throws S3Error InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, PreconditionFailed, NoSuchUpload, MalformedXML
 */
export async function completeMultipartUpload(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  const bucket = store.bucket(request.bucket);
  const id = uploadIdOf(request);
  const { text } = await readText(context, false);
  const named = childrenOf(parseDocument(text, 'CompleteMultipartUpload'), 'Part').map(readPart);
  if (named.length === 0) throw new S3Error('MalformedXML');
  const header = headersOf(context);
  let completed: StoredObject | undefined;
  await bucket.commit([keyName(request.key), uploadName(id)], () => {
    const current = bucket.state.object(request.key);
    if (current?.upload === id && current.etag.endsWith(`-${named.length}`)) {
      completed = current;
      return [];
    }
    const upload = bucket.upload(id, request.key);
    const parts = chooseParts(upload, named);
    const object = assemble(upload, parts, now().getTime());
    checkWhole(allHeaders(request), object);
    checkWriteConditions(header, current);
    completed = object;
    return [{ op: 'put', object }];
  });
  if (!completed) throw new Error('a completed upload left no object');
  const { etag, checksum } = completed;
  const children = [
    element(
      'Location',
      `http://${request.http.headers.host ?? ''}/${bucket.name}/${uriEncodePath(request.key)}`,
    ),
    element('Bucket', bucket.name),
    element('Key', request.key),
    element('ETag', `"${etag}"`),
    ...(checksum
      ? [element(`Checksum${checksum.algorithm}`, checksum.value), element('ChecksumType', checksum.type)]
      : []),
  ];
  sendXml(response, document('CompleteMultipartUploadResult', children));
}

function readPart(node: XmlNode): NamedPart {
  const number = Number(textOf(node, 'PartNumber') ?? Number.NaN);
  const etag = textOf(node, 'ETag')
    ?.trim()
    .replace(/^"(.*)"$/, '$1');
  if (!Number.isInteger(number) || etag === undefined) throw new S3Error('MalformedXML');
  const checksums = new Map<string, string>();
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = textOf(node, `Checksum${algorithm}`);
    if (value !== undefined) checksums.set(algorithm, value);
  }
  return { number, etag, checksums };
}

function chooseParts(upload: Upload, named: readonly NamedPart[]): Part[] {
  let previous = 0;
  const parts: Part[] = [];
  for (const { number, etag, checksums } of named) {
    if (number <= previous) throw new S3Error('InvalidPartOrder');
    previous = number;
    const part = upload.parts.get(number);
    const detail = { UploadId: upload.id, PartNumber: String(number), ETag: etag };
    if (part?.etag !== etag) throw new S3Error('InvalidPart', undefined, detail);
    for (const [algorithm, value] of checksums) {
      if (part.checksum?.algorithm !== algorithm || part.checksum.value !== value) {
        throw new S3Error('InvalidPart', undefined, detail);
      }
    }
    parts.push(part);
  }
  const small = parts.slice(0, -1).find((part) => part.size < MIN_PART_BYTES);
  if (!small) return parts;
  throw new S3Error('EntityTooSmall', undefined, {
    ProposedSize: String(small.size),
    MinSizeAllowed: String(MIN_PART_BYTES),
    PartNumber: String(small.number),
    ETag: small.etag,
  });
}
