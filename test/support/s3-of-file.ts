import type { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect } from 'vitest';
import type { S3ServerOptions } from '../../src/embedded/s3/server.ts';
import { startTestS3, type TestS3 } from './s3-server.ts';

/** What the tests of a file have in common. */
export interface S3OfFile {
  s3: TestS3;
  /** Not the one that it has after a restart. */
  client: S3Client;
  endpoint: string;
  Bucket: string;
}

/** Starts a server with a bucket before the tests of a file, hands it to them, and stops it after them. */
export function s3OfFile(take: (made: S3OfFile) => void, options: Partial<S3ServerOptions> = {}): void {
  let s3: TestS3 | undefined;
  beforeAll(async () => {
    s3 = await startTestS3(options);
    take({ s3, client: s3.client, endpoint: s3.server.endpoint, Bucket: await s3.bucket() });
  });
  afterAll(() => s3?.stop());
}

/** What the SDK throws when the server refuses a request. */
export const refusal = (name: string, status: number) =>
  expect.objectContaining({ name, $metadata: expect.objectContaining({ httpStatusCode: status }) });
