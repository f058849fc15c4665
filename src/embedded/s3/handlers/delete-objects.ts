import { type Context, keyName, readText } from '../context.ts';
import { S3Error } from '../errors.ts';
import type { JournalRecord } from '../records.ts';
import { sendXml } from '../responses.ts';
import { childrenOf, document, element, parseDocument, textOf } from '../xml.ts';

const MAX_KEYS = 1000;

/**
 * DeleteObjects: up to 1,000 keys, all deleted by one line of the journal.
 * @throws S3Error MalformedXML, InvalidRequest without Content-MD5 or checksum
 */
export async function deleteObjects(context: Context): Promise<void> {
  const { request, response, store } = context;
  const bucket = store.bucket(request.bucket);
  const { text, checked } = await readText(context);
  if (!checked && context.payload.kind !== 'sha256') {
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
  const root = parseDocument(text, 'Delete');
  const keys = childrenOf(root, 'Object').map(readKey);
  if (keys.length === 0 || keys.length > MAX_KEYS) throw new S3Error('MalformedXML');
  const quiet = textOf(root, 'Quiet')?.trim() === 'true';
  await bucket.commit(keys.map(keyName), () => {
    const there = new Set(keys.filter((key) => bucket.state.object(key)));
    return [...there].map((key): JournalRecord => ({ op: 'delete', key }));
  });
  const deleted = quiet ? [] : keys.map((key) => element('Deleted', [element('Key', key)]));
  sendXml(response, document('DeleteResult', deleted));
}

function readKey(node: Parameters<typeof textOf>[0]): string {
  const key = textOf(node, 'Key');
  if (!key) throw new S3Error('MalformedXML');
  const version = textOf(node, 'VersionId');
  if (version !== undefined && version !== 'null')
    throw new S3Error('NotImplemented', 'There are no object versions.');
  if (textOf(node, 'ETag') !== undefined)
    throw new S3Error('NotImplemented', 'Conditional deletes are for DeleteObject.');
  return key;
}
