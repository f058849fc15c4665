import { S3Client } from '@aws-sdk/client-s3';
import { RetryableFault } from '../../core/errors.ts';

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

/** How long a question about objects, or the beginning of one that is read, may take: a try, and all of them. */
const ANSWER_MS = 10_000;
const ALL_ANSWERS_MS = 20_000;

/**
 * How often the SDK itself sends what failed on its way: with growing pauses, spread, of seconds at the most. A store that
 * is away for longer is for whoever asked; and once many have failed it tries each but once (retry quota).
 */
const TRIES = 3;

export function s3Client(settings: S3Server, endpoint = settings.endpoint): S3Client {
  return new S3Client({
    region: settings.region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(settings.credentials !== undefined && { credentials: settings.credentials }),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: settings.silenceMs ?? SILENCE_MS,
      throwOnRequestTimeout: true,
    },
    retryMode: 'standard',
    maxAttempts: TRIES,
    // By default the SDK signs the checksum of an empty body into presigned PUTs, and sends trailing checksums that
    // many servers other than AWS refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/**
 * Asks what a server answers at once, unless it is away: somebody may wait for it, and a connection that is only half
 * there says nothing.
 * @throws {RetryableFault} when there is no answer in time
 */
export async function answered<T>(
  ask: (options: { abortSignal: AbortSignal; requestTimeout: number }) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const late = AbortSignal.timeout(ALL_ANSWERS_MS);
  try {
    const abortSignal = signal === undefined ? late : AbortSignal.any([signal, late]);
    return await ask({ abortSignal, requestTimeout: ANSWER_MS });
  } catch (error) {
    if (!late.aborted || signal?.aborted) throw error;
    throw new RetryableFault('the object store did not answer in time', { cause: error, away: true });
  }
}

/** One bucket, and the client that speaks to it. */
export interface Bucket {
  client: S3Client;
  name: string;
}

/** An object's place, as every command takes it. */
export const at = (bucket: Bucket, key: string) => ({ Bucket: bucket.name, Key: key });
