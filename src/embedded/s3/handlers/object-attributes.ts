import type { Context } from '../context.ts';
import { S3Error } from '../errors.ts';
import { partCount } from '../part-ranges.ts';
import type { StoredObject } from '../records.ts';
import { headerOf } from '../request.ts';
import { sendXml } from '../responses.ts';
import { document, element } from '../xml.ts';

/** In the order in which S3 answers them. */
const ATTRIBUTES: Record<string, (object: StoredObject) => string | undefined> = {
  ETag: ({ etag }) => element('ETag', etag),
  Checksum: ({ checksum }) =>
    checksum &&
    element('Checksum', [
      // The parts' count stands behind a composite checksum everywhere but here.
      element(`Checksum${checksum.algorithm}`, checksum.value.replace(/-\d+$/, '')),
      element('ChecksumType', checksum.type),
    ]),
  ObjectParts: (object) => {
    const count = partCount(object);
    return count === undefined ? undefined : element('ObjectParts', [element('PartsCount', count)]);
  },
  StorageClass: () => element('StorageClass', 'STANDARD'),
  ObjectSize: ({ size }) => element('ObjectSize', size),
};

/** GetObjectAttributes. @throws S3Error InvalidArgument without, or with an unknown, attribute; NoSuchKey */
export async function getObjectAttributes({ request, response, store }: Context): Promise<void> {
  const object = store.bucket(request.bucket).object(request.key);
  const wanted = (headerOf(request, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim());
  if (wanted.some((name) => !Object.hasOwn(ATTRIBUTES, name))) {
    throw new S3Error('InvalidArgument', 'Invalid attribute name specified.');
  }
  const answers = Object.entries(ATTRIBUTES).filter(([name]) => wanted.includes(name));
  const children = answers.map(([, answer]) => answer(object) ?? '');
  const headers = { 'last-modified': new Date(object.modified).toUTCString() };
  sendXml(response, document('GetObjectAttributesResponse', children), headers);
}
