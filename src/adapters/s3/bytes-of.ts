import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { Bucket } from './client.ts';
import { asFault } from './faults.ts';
import type { RemovalOptions } from './remove.ts';

/** Adds up what a listing says, a page at a time. */
export async function bytesOf(
  bucket: Bucket,
  prefix: string,
  { page: most, signal }: RemovalOptions,
): Promise<number> {
  let bytes = 0;
  let token: string | undefined;
  try {
    do {
      const page = await bucket.client.send(
        new ListObjectsV2Command({
          Bucket: bucket.name,
          Prefix: prefix,
          MaxKeys: most,
          ContinuationToken: token,
        }),
        { abortSignal: signal },
      );
      for (const { Size = 0 } of page.Contents ?? []) bytes += Size;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return bytes;
  } catch (error) {
    throw signal?.aborted ? signal.reason : asFault(error);
  }
}
