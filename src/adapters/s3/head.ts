import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { ObjectHead } from '../../engine/ports/object-store.ts';
import { answered, at, type Bucket } from './client.ts';
import { asFault, statusOf } from './faults.ts';

export async function head(bucket: Bucket, key: string): Promise<ObjectHead | null> {
  try {
    const command = new HeadObjectCommand(at(bucket, key));
    const found = await answered((options) => bucket.client.send(command, options));
    return { bytes: found.ContentLength ?? 0, etag: found.ETag ?? '' };
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asFault(error);
  }
}
