import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import {
  ObjectChanged,
  ObjectGone,
  type ObjectHead,
  type ObjectStore,
  type PresignedRequest,
} from '../../engine/ports/object-store.ts';
import { asFault, statusOf } from './faults.ts';

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

export interface S3Settings extends S3Server {
  /** How long presigned URLs are valid. */
  presignSeconds: number;
}

/** Two parts of 8 MiB in flight: flat memory, and up to 80 GB in S3's 10,000 parts. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 2;

const CONNECT_TIMEOUT_MS = 5_000;
const SILENCE_MS = 60_000;

/** How long an aborted upload may take to remove what it has stored. */
const CLEAN_UP_MS = 5_000;

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

export interface S3ObjectStore extends ObjectStore {
  /** @throws when the bucket does not answer */
  ping(): Promise<void>;
  close(): void;
}

/** Objects in one bucket of any server that speaks S3's protocol. */
export function s3ObjectStore(settings: S3Settings): S3ObjectStore {
  const client = s3Client(settings);
  const signer = s3Client(settings, settings.publicEndpoint ?? settings.endpoint);
  const at = (key: string) => ({ Bucket: settings.bucket, Key: key });

  return {
    presignPut: (key, bind) => presignPut(signer, settings, key, bind),

    async presignGet(key, filename) {
      const command = new GetObjectCommand({
        ...at(key),
        ResponseContentDisposition: `attachment; filename="${filename}"`,
      });
      const expiresAt = Date.now() + settings.presignSeconds * 1000;
      const url = await getSignedUrl(signer, command, { expiresIn: settings.presignSeconds });
      return { url, method: 'GET', headers: {}, expiresAt };
    },

    head: (key) => head(client, settings.bucket, key),

    async read(key, { range, ifMatch, signal } = {}) {
      try {
        const response = await client.send(
          new GetObjectCommand({
            ...at(key),
            ...(range !== undefined && { Range: `bytes=${range.start}-${range.end - 1}` }),
            ...(ifMatch !== undefined && { IfMatch: ifMatch }),
          }),
          { abortSignal: signal },
        );
        const body = response.Body as Readable;
        if (ifMatch !== undefined && response.ETag !== undefined && response.ETag !== ifMatch) {
          body.destroy();
          throw new ObjectChanged(key);
        }
        return Readable.from(bodyOf(key, body, signal), { objectMode: false });
      } catch (error) {
        throw about(key, error);
      }
    },

    async copy(from, to, source, signal) {
      try {
        await client.send(
          new CopyObjectCommand({
            ...at(to),
            CopySource: `${settings.bucket}/${from.split('/').map(encodeURIComponent).join('/')}`,
            CopySourceIfMatch: source.etag,
          }),
          { abortSignal: signal },
        );
      } catch (error) {
        throw about(from, error);
      }
      await checkCopy(client, settings.bucket, from, to, source);
    },

    async put(key, body, { contentType, signal } = {}) {
      try {
        await client.send(new PutObjectCommand({ ...at(key), Body: body, ContentType: contentType }), {
          abortSignal: signal,
        });
      } catch (error) {
        throw about(key, error);
      }
    },

    putStream: (key, body, options = {}) => putStream(client, { ...at(key), Body: body }, options),

    async ping() {
      try {
        await client.send(new HeadBucketCommand({ Bucket: settings.bucket }));
      } catch (error) {
        throw asFault(error);
      }
    },

    close() {
      client.destroy();
      signer.destroy();
    },
  };
}

/** The body of an answer, whose troubles on the way are told as those of a request are. */
async function* bodyOf(key: string, body: Readable, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body as AsyncIterable<Buffer>;
  } catch (error) {
    throw signal?.aborted ? signal.reason : about(key, error);
  }
}

async function presignPut(
  signer: S3Client,
  settings: S3Settings,
  key: string,
  bind: { bytes?: number; sha256?: string; contentType?: string },
): Promise<PresignedRequest> {
  const headers: Record<string, string> = {};
  if (bind.bytes !== undefined) headers['content-length'] = String(bind.bytes);
  if (bind.contentType !== undefined) headers['content-type'] = bind.contentType;
  if (bind.sha256 !== undefined) {
    headers['x-amz-checksum-sha256'] = Buffer.from(bind.sha256, 'hex').toString('base64');
  }
  const command = new PutObjectCommand({
    Bucket: settings.bucket,
    Key: key,
    ContentLength: bind.bytes,
    ContentType: bind.contentType,
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
  });
  const expiresAt = Date.now() + settings.presignSeconds * 1000;
  const url = await getSignedUrl(signer, command, {
    expiresIn: settings.presignSeconds,
    // What is stated must be signed as a header: neither left out, as the SDK would, nor moved into the query.
    signableHeaders: new Set(Object.keys(headers)),
    unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
  });
  return { url, method: 'PUT', headers, expiresAt };
}

async function head(client: S3Client, bucket: string, key: string): Promise<ObjectHead | null> {
  try {
    const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return { bytes: found.ContentLength ?? 0, etag: found.ETag ?? '' };
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asFault(error);
  }
}

/** Some servers ignore `x-amz-copy-source-if-match`. ETags of multipart objects cannot be compared; lengths can. */
async function checkCopy(
  client: S3Client,
  bucket: string,
  from: string,
  to: string,
  source: ObjectHead,
): Promise<void> {
  const copied = await head(client, bucket, to);
  const comparable = !source.etag.includes('-') && copied?.etag.includes('-') === false;
  if (copied?.bytes !== source.bytes || (comparable && copied.etag !== source.etag)) {
    throw new ObjectChanged(from);
  }
}

async function putStream(
  client: S3Client,
  params: { Bucket: string; Key: string; Body: Readable },
  { contentType, signal }: { contentType?: string; signal?: AbortSignal },
): Promise<void> {
  signal?.throwIfAborted();
  const upload = new Upload({
    client: abortingBodies(client, signal),
    params: { ...params, ContentType: contentType },
    partSize: PART_BYTES,
    queueSize: PARTS_IN_FLIGHT,
  });
  // The library's own abort leaves the unfinished upload behind when the source is silent: a broken source does not.
  let cleaningUp: NodeJS.Timeout | undefined;
  let abort = () => {};
  const givenUp = new Promise<never>((_resolve, reject) => {
    abort = () => {
      params.Body.destroy(signal?.reason);
      cleaningUp = setTimeout(() => reject(signal?.reason), CLEAN_UP_MS);
    };
  });
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([upload.done(), givenUp]);
  } catch (error) {
    throw signal?.aborted ? signal.reason : about(params.Key, error);
  } finally {
    clearTimeout(cleaningUp);
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * The client as the library is to use it, which passes no signal on: a request with a body ends when the signal fires,
 * the small ones around it go through, so that an unfinished upload is known and removed.
 */
function abortingBodies(client: S3Client, signal: AbortSignal | undefined): S3Client {
  const send = (command: PutObjectCommand) =>
    client.send(command, command.input.Body === undefined ? {} : { abortSignal: signal });
  return Object.assign(Object.create(client) as S3Client, { send });
}

function about(key: string, error: unknown): unknown {
  const status = statusOf(error);
  if (status === 404) return new ObjectGone(key);
  if (status === 412) return new ObjectChanged(key);
  return asFault(error);
}
