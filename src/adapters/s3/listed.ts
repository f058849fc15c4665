import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { Bucket } from './client.ts';

export interface ListingOptions {
  /** Keys in a page. */
  page: number;
  /** Only keys that come after it. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
}

type Page = NonNullable<ListObjectsV2CommandOutput['Contents']>;

/** All objects whose keys begin with the prefix, in their order, a page at a time; those seen may be removed meanwhile. */
export async function* listed(
  bucket: Bucket,
  prefix: string,
  { page: most, after, signal }: ListingOptions,
): AsyncGenerator<Page> {
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await bucket.client.send(
      new ListObjectsV2Command({
        Bucket: bucket.name,
        Prefix: prefix,
        MaxKeys: most,
        ...(token === undefined && after !== undefined && { StartAfter: after }),
        ContinuationToken: token,
      }),
      { abortSignal: signal },
    );
    yield page.Contents ?? [];
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
