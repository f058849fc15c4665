import { CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import { type S3Server, s3Client } from './client.ts';
import { asFault, statusOf } from './faults.ts';

/**
 * Makes the bucket if there is none.
 * @throws {Error} that says what to do when it can neither be seen nor made
 */
export async function ensureBucket(settings: S3Server): Promise<void> {
  const client = s3Client(settings);
  try {
    try {
      await client.send(new HeadBucketCommand({ Bucket: settings.bucket }));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      await client.send(new CreateBucketCommand({ Bucket: settings.bucket }));
    }
  } catch (error) {
    // Another process made it between the two requests.
    if ((error as Error).name === 'BucketAlreadyOwnedByYou') return;
    const why = (asFault(error) as Error).message || (error as Error).name;
    const where = settings.endpoint ?? 'AWS';
    const what = `the bucket "${settings.bucket}" at ${where} can neither be used nor made: ${why}`;
    throw new Error(`${what}; check S3_ENDPOINT, S3_BUCKET, S3_REGION and the credentials`, { cause: error });
  } finally {
    client.destroy();
  }
}
