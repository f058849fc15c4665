import { setImmediate as turn } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import type { PresignedParts, PresignedRequest } from '../../engine/ports/object-store.ts';
import { at, type Bucket } from './client.ts';

/** Signing takes a tenth of a millisecond: others get their turn after so many. */
const SIGNED_AT_ONCE = 100;

/** A bucket as clients see it, and for how long what is signed for them is valid. */
export interface Signer extends Bucket {
  seconds: number;
}

export async function presignPut(
  signer: Signer,
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
    ...at(signer, key),
    ContentLength: bind.bytes,
    ContentType: bind.contentType,
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
  });
  const expiresAt = endOf(signer);
  const url = await getSignedUrl(signer.client, command, {
    expiresIn: signer.seconds,
    // What is stated must be signed as a header: neither left out, as the SDK would, nor moved into the query.
    signableHeaders: new Set(Object.keys(headers)),
    unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
  });
  return { url, method: 'PUT', headers, expiresAt };
}

export async function presignGet(signer: Signer, key: string, filename: string): Promise<PresignedRequest> {
  const command = new GetObjectCommand({
    ...at(signer, key),
    ResponseContentDisposition: `attachment; filename="${filename}"`,
  });
  const expiresAt = endOf(signer);
  const url = await getSignedUrl(signer.client, command, { expiresIn: signer.seconds });
  return { url, method: 'GET', headers: {}, expiresAt };
}

/**
 * The SDK finds out where the object is and how its URL is written for the first part alone. The others differ in a
 * number and their signature: in this way ten thousand take one second and not five.
 */
export async function presignParts(
  signer: Signer,
  key: string,
  uploadId: string,
  count: number,
): Promise<PresignedParts> {
  const expiresAt = endOf(signer);
  const command = new UploadPartCommand({ ...at(signer, key), UploadId: uploadId, PartNumber: 1 });
  const first = new URL(await getSignedUrl(signer.client, command, { expiresIn: signer.seconds }));
  const presigner = new S3RequestPresigner(signer.client.config);
  const urls: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    if (number % SIGNED_AT_ONCE === 0) await turn();
    const { query } = await presigner.presign(partRequest(first, uploadId, number), {
      expiresIn: signer.seconds,
    });
    const search = new URLSearchParams(query as Record<string, string>);
    urls.push(`${first.origin}${first.pathname}?${search}`);
  }
  return { urls, expiresAt };
}

function partRequest(place: URL, uploadId: string, number: number) {
  return {
    method: 'PUT',
    protocol: place.protocol,
    hostname: place.hostname,
    ...(place.port !== '' && { port: Number(place.port) }),
    path: place.pathname,
    query: { partNumber: String(number), uploadId },
    headers: {},
  };
}

function endOf(signer: Signer): number {
  return Date.now() + signer.seconds * 1000;
}
