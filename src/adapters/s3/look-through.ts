import type { FoundObject, FoundUpload } from '../../engine/ports/object-store.ts';
import type { Bucket } from './client.ts';
import { asFault } from './faults.ts';
import { type ListingOptions, listed } from './listed.ts';
import { unfinished } from './unfinished.ts';

/** What the store has, as the engine looks through it. */

export async function* foundObjects(
  bucket: Bucket,
  prefix: string,
  options: ListingOptions,
): AsyncGenerator<FoundObject[]> {
  yield* told(listed(bucket, prefix, options), options, (page) =>
    page.map(({ Key = '', Size = 0, LastModified }) => ({
      key: Key,
      bytes: Size,
      at: LastModified?.getTime() ?? 0,
    })),
  );
}

export async function* foundUploads(
  bucket: Bucket,
  prefix: string,
  options: Omit<ListingOptions, 'after'>,
): AsyncGenerator<FoundUpload[]> {
  yield* told(unfinished(bucket, prefix, options), options, (page) =>
    page.map(({ Key = '', UploadId = '', Initiated }) => ({
      key: Key,
      uploadId: UploadId,
      at: Initiated?.getTime() ?? 0,
    })),
  );
}

async function* told<Page, Found>(
  pages: AsyncGenerator<Page>,
  { signal }: Pick<ListingOptions, 'signal'>,
  tell: (page: Page) => Found[],
): AsyncGenerator<Found[]> {
  try {
    for await (const page of pages) yield tell(page);
  } catch (error) {
    throw signal?.aborted ? signal.reason : asFault(error);
  }
}
