import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { Bucket } from './client.ts';

export interface ListingOptions {
  /** Keys in a page. */
  page: number;
  signal?: AbortSignal | undefined;
}

type Page = NonNullable<ListObjectsV2CommandOutput['Contents']>;

/** All objects whose keys begin with the prefix, a page at a time; those that were seen may be removed meanwhile. */
export async function* listed(
  bucket: Bucket,
  prefix: string,
  { page: most, signal }: ListingOptions,
): AsyncGenerator<Page> {
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await bucket.client.send(
      new ListObjectsV2Command({
        Bucket: bucket.name,
        Prefix: prefix,
        MaxKeys: most,
        ContinuationToken: token,
      }),
      { abortSignal: signal },
    );
    yield page.Contents ?? [];
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
