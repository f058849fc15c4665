import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type S3Server, type S3ServerOptions, startS3Server } from '../../src/embedded/s3/server.ts';

export const REGION = 'eu-west-1';
export const CREDENTIALS = { accessKeyId: 'TESTKEY', secretAccessKey: 'test/secret+key' };

/** An embedded S3 server on a directory of its own. */
export interface TestS3 {
  directory: string;
  server: S3Server;
  client: S3Client;
  /** Makes a bucket with a name that nobody else has. */
  bucket(): Promise<string>;
  newClient(config?: S3ClientConfig): S3Client;
  /** Closes the server and starts another on the same directory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

let buckets = 0;

export async function startTestS3(options: Partial<S3ServerOptions> = {}): Promise<TestS3> {
  const directory = await mkdtemp(join(tmpdir(), 'embedded-s3-'));
  const start = (): Promise<S3Server> =>
    startS3Server({ directory, port: 0, region: REGION, credentials: CREDENTIALS, ...options });
  const clients: S3Client[] = [];
  const server = await start();
  const newClient = (config: S3ClientConfig = {}): S3Client => {
    const made = s3Client(s3.server.endpoint, config);
    clients.push(made);
    return made;
  };
  const s3: TestS3 = {
    directory,
    server,
    client: s3Client(server.endpoint),
    newClient,
    bucket: async () => {
      buckets += 1;
      const name = `bucket-${buckets}`;
      await s3.client.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
    restart: async () => {
      s3.client.destroy();
      await s3.server.close();
      s3.server = await start();
      s3.client = newClient();
    },
    stop: async () => {
      for (const client of [s3.client, ...clients]) client.destroy();
      await s3.server.close();
      await rm(directory, { recursive: true });
    },
  };
  return s3;
}

/** The SDK's client in its default settings, but for path-style addresses. */
export function s3Client(endpoint: string, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    forcePathStyle: true,
    ...config,
  });
}
