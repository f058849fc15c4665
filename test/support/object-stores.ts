import { randomBytes } from 'node:crypto';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { ensureBucket } from '../../src/adapters/s3/bucket.ts';
import { type S3ObjectStore, type S3Settings, s3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import { otherS3Server } from './requirements.ts';

/** A bucket of its own on one of the S3 servers that there are, with what tests look at it through. */
export interface TestStore {
  settings: S3Settings;
  store: S3ObjectStore;
  client: S3Client;
  /** Ceph ignores `x-amz-copy-source-if-match`: the adapter notices afterwards, when the copy is there. */
  mayIgnoreCopyConditions: boolean;
  /** Ceph 16 does not compare `x-amz-checksum-sha256` with the body. */
  mayIgnoreChecksums: boolean;
  /** It takes `x-amz-*` headers with a presigned URL that does not name them, as Ceph's gateway does. */
  mayTakeUnsignedHeaders: boolean;
  /** The store with other settings. */
  with(settings: Partial<S3Settings>): S3ObjectStore;
  /** Ids of the unfinished uploads of a key, or of all keys that begin so. */
  unfinished(prefix: string): Promise<string[]>;
}

type Peer = Pick<S3Settings, 'endpoint' | 'credentials'> &
  Pick<TestStore, 'mayIgnoreCopyConditions' | 'mayIgnoreChecksums' | 'mayTakeUnsignedHeaders'>;

export function settingsOf({
  endpoint,
  credentials,
}: Pick<S3Settings, 'endpoint' | 'credentials'>): S3Settings {
  const bucket = `test-${randomBytes(6).toString('hex')}`;
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    region: 'us-east-1',
    bucket,
    presignSeconds: 300,
  };
}

/** Runs a suite on the embedded server, and on another where there is one. `opened` answers within tests and hooks. */
export function onEveryServer(title: string, suite: (opened: () => TestStore) => void): void {
  describe(`${title} on the embedded server`, () => {
    suiteOn(suite, () => {
      const { endpoint, ...credentials } = inject('s3');
      return {
        endpoint,
        credentials,
        mayIgnoreCopyConditions: false,
        mayIgnoreChecksums: false,
        mayTakeUnsignedHeaders: false,
      };
    });
  });

  const other = otherS3Server();
  describe.skipIf(other.missing)(`${title} on another server${other.reason}`, () => {
    suiteOn(suite, () => {
      const { endpoint, ...credentials } = other.value();
      return {
        endpoint,
        credentials,
        mayIgnoreCopyConditions: true,
        mayIgnoreChecksums: true,
        mayTakeUnsignedHeaders: true,
      };
    });
  });
}

function suiteOn(suite: (opened: () => TestStore) => void, peerOf: () => Peer): void {
  let opened: TestStore | undefined;
  const stores: S3ObjectStore[] = [];

  beforeAll(async () => {
    const { mayIgnoreChecksums, mayIgnoreCopyConditions, mayTakeUnsignedHeaders, ...peer } = peerOf();
    const settings = settingsOf(peer);
    await ensureBucket(settings);
    const make = (change: Partial<S3Settings>) => {
      const store = s3ObjectStore({ ...settings, ...change });
      stores.push(store);
      return store;
    };
    const client = new S3Client({ ...settings, forcePathStyle: true });
    opened = {
      settings,
      store: make({}),
      client,
      mayIgnoreCopyConditions,
      mayIgnoreChecksums,
      mayTakeUnsignedHeaders,
      with: make,
      unfinished: async (prefix) => {
        const list = await client.send(
          new ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: prefix }),
        );
        return (list.Uploads ?? []).map((upload) => upload.UploadId ?? '');
      },
    };
  });
  afterAll(() => {
    for (const store of stores) store.close();
    opened?.client.destroy();
  });

  suite(() => {
    if (opened === undefined) throw new Error('the store is opened when the tests run');
    return opened;
  });
}
