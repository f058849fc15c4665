import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import type { Bucket } from './client.ts';
import type { ListingOptions } from './listed.ts';

type Markers = Pick<ListMultipartUploadsCommandInput, 'KeyMarker' | 'UploadIdMarker'>;

/** All unfinished uploads whose keys begin with the prefix, a page at a time; those seen may be aborted meanwhile. */
export async function* unfinished(
  bucket: Bucket,
  prefix: string,
  { page: most, signal }: Omit<ListingOptions, 'after'>,
): AsyncGenerator<MultipartUpload[]> {
  let after: Markers | null = {};
  while (after !== null) {
    const page: ListMultipartUploadsCommandOutput = await bucket.client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: prefix, MaxUploads: most, ...after }),
      { abortSignal: signal },
    );
    yield page.Uploads ?? [];
    after = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      : null;
  }
}
