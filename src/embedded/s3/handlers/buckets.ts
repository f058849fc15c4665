import { hasBody } from '../body.ts';
import { type Context, readText } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty, sendXml } from '../responses.ts';
import { document, element, parseDocument, textOf } from '../xml.ts';

/** ListBuckets. */
export async function listBuckets({ store, response, region }: Context): Promise<void> {
  const buckets = store
    .list()
    .map((bucket) =>
      element('Bucket', [
        element('Name', bucket.name),
        element('CreationDate', new Date(bucket.state.created ?? 0).toISOString()),
        element('BucketRegion', region),
      ]),
    );
  const owner = element('Owner', [element('ID', 'sheaf'), element('DisplayName', 'sheaf')]);
  sendXml(response, document('ListAllMyBucketsResult', [owner, element('Buckets', buckets)]));
}

/** CreateBucket. @throws S3Error IllegalLocationConstraintException for another region */
export async function createBucket(context: Context): Promise<void> {
  if (hasBody(context.request)) {
    const { text } = await readText(context);
    const wanted =
      text.trim() === ''
        ? undefined
        : textOf(parseDocument(text, 'CreateBucketConfiguration'), 'LocationConstraint');
    if (wanted !== undefined && wanted !== context.region)
      throw new S3Error('IllegalLocationConstraintException');
  }
  const name = context.request.bucket;
  await context.store.create(name, context.now().getTime());
  sendEmpty(context.response, 200, { location: `/${name}` });
}

/** HeadBucket. */
export async function headBucket({ store, request, response, region }: Context): Promise<void> {
  store.bucket(request.bucket);
  sendEmpty(response, 200, { 'x-amz-bucket-region': region });
}

/** DeleteBucket. */
export async function deleteBucket({ store, request, response }: Context): Promise<void> {
  await store.remove(request.bucket);
  sendEmpty(response, 204);
}

/** GetBucketLocation; S3 calls us-east-1 by no name. */
export async function getBucketLocation({ store, request, response, region }: Context): Promise<void> {
  store.bucket(request.bucket);
  sendXml(response, document('LocationConstraint', region === 'us-east-1' ? [] : [region]));
}
