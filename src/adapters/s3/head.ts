import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { ObjectHead } from '../../engine/ports/object-store.ts';
import { at, type Bucket } from './client.ts';
import { asFault, statusOf } from './faults.ts';

export async function head(bucket: Bucket, key: string): Promise<ObjectHead | null> {
  try {
    const found = await bucket.client.send(new HeadObjectCommand(at(bucket, key)));
    return { bytes: found.ContentLength ?? 0, etag: found.ETag ?? '' };
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asFault(error);
  }
}
