import { type Context, readText } from '../context.ts';
import { S3Error } from '../errors.ts';
import { refuseUnsupported } from '../metadata.ts';
import { owner } from '../owner.ts';
import { hasBody } from '../request.ts';
import { sendEmpty, sendXml } from '../responses.ts';
import { document, element, parseDocument, textOf } from '../xml.ts';
import { countOf } from './page-query.ts';

const MAX_BUCKETS = 10_000;

/** ListBuckets. The token for the next page is the last name of this one. @throws S3Error InvalidArgument */
export async function listBuckets({ request, store, response, region }: Context): Promise<void> {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? '';
  const most = countOf(request, 'max-buckets', MAX_BUCKETS);
  if (most === 0) throw new S3Error('InvalidArgument', `max-buckets must be from 1 to ${MAX_BUCKETS}.`);
  const rest = store.list().filter(({ name }) => name.startsWith(prefix) && name > after);
  const page = rest.slice(0, most);
  const buckets = page.map((bucket) =>
    element('Bucket', [
      element('Name', bucket.name),
      element('CreationDate', new Date(bucket.state.created ?? 0).toISOString()),
      element('BucketRegion', region),
    ]),
  );
  const children = [
    owner('Owner'),
    element('Buckets', buckets),
    element('ContinuationToken', rest.length > page.length ? page.at(-1)?.name : undefined),
    element('Prefix', query.get('prefix')),
  ];
  sendXml(response, document('ListAllMyBucketsResult', children));
}

/** CreateBucket. @throws S3Error IllegalLocationConstraintException for another region */
export async function createBucket(context: Context): Promise<void> {
  refuseUnsupported(context.request);
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
