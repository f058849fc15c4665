import { S3Error } from './errors.ts';

/**
 * Checks a bucket's name by S3's rules, which also make it a safe directory name: lower-case letters, digits,
 * `-` and `.`, never two dots together.
 * @throws S3Error InvalidBucketName
 * @see Amazon S3 User Guide, "General purpose bucket naming rules"
 */
export function checkBucketName(name: string): void {
  const shaped = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name);
  if (!shaped || name.includes('..') || /^\d+\.\d+\.\d+\.\d+$/.test(name)) {
    throw new S3Error('InvalidBucketName', undefined, { BucketName: name });
  }
}
