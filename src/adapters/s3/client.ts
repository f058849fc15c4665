import { S3Client } from '@aws-sdk/client-s3';

/** Which bucket of which server. */
export interface S3Server {
  endpoint?: string;
  /** The address that clients see, where it differs: presigned URLs name it. */
  publicEndpoint?: string;
  region: string;
  bucket: string;
  /** Left out: the SDK's own chain (environment, profile, instance role). */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** After how long a server that neither answers nor closes is given up. */
  silenceMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const SILENCE_MS = 60_000;

export function s3Client(settings: S3Server, endpoint = settings.endpoint): S3Client {
  return new S3Client({
    region: settings.region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(settings.credentials !== undefined && { credentials: settings.credentials }),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: settings.silenceMs ?? SILENCE_MS,
    },
    // By default the SDK signs the checksum of an empty body into presigned PUTs, and sends trailing checksums that
    // many servers other than AWS refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** One bucket, and the client that speaks to it. */
export interface Bucket {
  client: S3Client;
  name: string;
}

/** An object's place, as every command takes it. */
export const at = (bucket: Bucket, key: string) => ({ Bucket: bucket.name, Key: key });
