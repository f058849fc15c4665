import { checkWriteConditions } from '../conditions.ts';
import { type Context, commitSegments, headersOf, keyName, storeBody } from '../context.ts';
import { checksumHeaders, readMetadata, refuseUnsupported } from '../metadata.ts';
import type { StoredObject } from '../records.ts';
import { sendEmpty } from '../responses.ts';

/** PutObject. */
export async function putObject(context: Context): Promise<void> {
  const { request, response, store, now } = context;
  const { key } = request;
  const bucket = store.bucket(request.bucket);
  const header = headersOf(context);
  refuseUnsupported(request);
  const headers = readMetadata(request);
  // Once before the body is asked for, to spare the sending, and once when nobody can come between.
  checkWriteConditions(header, bucket.state.object(key));
  const body = await storeBody(context, bucket);
  const object: StoredObject = {
    key,
    size: body.size,
    etag: body.md5.toString('hex'),
    modified: now().getTime(),
    segments: body.segments,
    headers,
    ...(body.checksum ? { checksum: body.checksum } : {}),
  };
  await commitSegments(bucket, body.segments, [keyName(key)], () => {
    checkWriteConditions(header, bucket.state.object(key));
    return [{ op: 'put', object }];
  });
  sendEmpty(response, 200, { etag: `"${object.etag}"`, ...checksumHeaders(object.checksum) });
}

/** DeleteObject: 204 also for what is not there. */
export async function deleteObject(context: Context): Promise<void> {
  const { request, response, store } = context;
  const { key } = request;
  const bucket = store.bucket(request.bucket);
  const header = headersOf(context);
  await bucket.commit([keyName(key)], () => {
    const current = bucket.state.object(key);
    if (header('if-match') !== undefined) checkWriteConditions(header, current);
    return current ? [{ op: 'delete', key }] : [];
  });
  sendEmpty(response, 204);
}
