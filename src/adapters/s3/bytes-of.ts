import type { Bucket } from './client.ts';
import { asFault } from './faults.ts';
import { type ListingOptions, listed } from './listed.ts';

/** Adds up what a listing says, a page at a time. */
export async function bytesOf(bucket: Bucket, prefix: string, options: ListingOptions): Promise<number> {
  let bytes = 0;
  try {
    for await (const page of listed(bucket, prefix, options)) {
      for (const { Size = 0 } of page) bytes += Size;
    }
    return bytes;
  } catch (error) {
    throw options.signal?.aborted ? options.signal.reason : asFault(error);
  }
}
