import type { Context } from './context.ts';
import { S3Error } from './errors.ts';
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
} from './handlers/buckets.ts';
import { completeMultipartUpload } from './handlers/complete-upload.ts';
import { copyObject } from './handlers/copy-object.ts';
import { uploadPartCopy } from './handlers/copy-part.ts';
import { deleteObjects } from './handlers/delete-objects.ts';
import { getAcl, getBucketVersioning, getObjectTagging } from './handlers/fixed-answers.ts';
import { listObjectsV1, listObjectsV2 } from './handlers/list-objects.ts';
import { listMultipartUploads, listParts } from './handlers/list-uploads.ts';
import { abortMultipartUpload, createMultipartUpload, uploadPart } from './handlers/multipart.ts';
import { getObjectAttributes } from './handlers/object-attributes.ts';
import { readObject } from './handlers/read-object.ts';
import { deleteObject, putObject } from './handlers/write-object.ts';
import { OVERRIDES } from './metadata.ts';
import { headerOf, type S3Request } from './request.ts';

type Level = 'service' | 'bucket' | 'object';

/** One operation: which request it is, which query parameters it knows, who does it. */
interface Route {
  method: string;
  level: Level;
  /** The query parameters that make a request this operation, with their value where that matters. */
  when?: Record<string, string | undefined>;
  /** Whether it is told from another by `x-amz-copy-source`. */
  copies?: boolean;
  allows?: readonly string[];
  readsBody?: boolean;
  handler: (context: Context) => Promise<void>;
}

/** In order of preference: an operation with more conditions stands before one with fewer. */
const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    level: 'service',
    allows: ['max-buckets', 'continuation-token', 'prefix'],
    handler: listBuckets,
  },
  { method: 'PUT', level: 'bucket', readsBody: true, handler: createBucket },
  { method: 'HEAD', level: 'bucket', handler: headBucket },
  { method: 'DELETE', level: 'bucket', handler: deleteBucket },
  { method: 'POST', level: 'bucket', when: { delete: undefined }, readsBody: true, handler: deleteObjects },
  { method: 'GET', level: 'bucket', when: { location: undefined }, handler: getBucketLocation },
  { method: 'GET', level: 'bucket', when: { versioning: undefined }, handler: getBucketVersioning },
  { method: 'GET', level: 'bucket', when: { acl: undefined }, handler: getAcl },
  {
    method: 'GET',
    level: 'bucket',
    when: { uploads: undefined },
    allows: ['encoding-type', 'prefix', 'delimiter', 'key-marker', 'upload-id-marker', 'max-uploads'],
    handler: listMultipartUploads,
  },
  {
    method: 'GET',
    level: 'bucket',
    when: { 'list-type': '2' },
    allows: [
      'encoding-type',
      'prefix',
      'delimiter',
      'continuation-token',
      'start-after',
      'max-keys',
      'fetch-owner',
    ],
    handler: listObjectsV2,
  },
  {
    method: 'GET',
    level: 'bucket',
    allows: ['encoding-type', 'prefix', 'delimiter', 'marker', 'max-keys'],
    handler: listObjectsV1,
  },
  {
    method: 'GET',
    level: 'object',
    when: { uploadId: undefined },
    allows: ['max-parts', 'part-number-marker', 'encoding-type'],
    handler: listParts,
  },
  { method: 'GET', level: 'object', when: { tagging: undefined }, handler: getObjectTagging },
  { method: 'GET', level: 'object', when: { acl: undefined }, handler: getAcl },
  { method: 'GET', level: 'object', when: { attributes: undefined }, handler: getObjectAttributes },
  { method: 'GET', level: 'object', allows: ['partNumber', ...OVERRIDES], handler: readObject },
  { method: 'HEAD', level: 'object', allows: ['partNumber', ...OVERRIDES], handler: readObject },
  {
    method: 'PUT',
    level: 'object',
    when: { uploadId: undefined, partNumber: undefined },
    copies: true,
    handler: uploadPartCopy,
  },
  {
    method: 'PUT',
    level: 'object',
    when: { uploadId: undefined, partNumber: undefined },
    readsBody: true,
    handler: uploadPart,
  },
  { method: 'PUT', level: 'object', copies: true, handler: copyObject },
  { method: 'PUT', level: 'object', readsBody: true, handler: putObject },
  { method: 'POST', level: 'object', when: { uploads: undefined }, handler: createMultipartUpload },
  {
    method: 'POST',
    level: 'object',
    when: { uploadId: undefined },
    readsBody: true,
    handler: completeMultipartUpload,
  },
  { method: 'DELETE', level: 'object', when: { uploadId: undefined }, handler: abortMultipartUpload },
  { method: 'DELETE', level: 'object', handler: deleteObject },
];

/**
 * Finds the operation that a request asks for. A query parameter that the operation does not know is refused:
 * `?acl`, `?versionId=…` or `?tagging` ignored would do something else than was asked.
 * @throws S3Error NotImplemented, MethodNotAllowed
 */
export function findRoute(request: S3Request): Route {
  const level: Level = request.key !== '' ? 'object' : request.bucket === '' ? 'service' : 'bucket';
  const copies = headerOf(request, 'x-amz-copy-source') !== undefined;
  const candidates = ROUTES.filter((route) => route.method === request.method && route.level === level);
  if (candidates.length === 0) throw new S3Error('MethodNotAllowed');
  const route = candidates.find((candidate) => {
    const conditions = Object.entries(candidate.when ?? {});
    const met = conditions.every(([name, value]) =>
      value === undefined ? request.query.has(name) : request.query.get(name) === value,
    );
    return met && (candidate.copies ?? false) === (copies && candidate.method === 'PUT');
  });
  const unknown = [...request.query.keys()].find((name) => !isKnown(name, route));
  if (!route || unknown !== undefined) {
    throw new S3Error('NotImplemented', undefined, unknown === undefined ? {} : { Parameter: unknown });
  }
  return route;
}

function isKnown(name: string, route: Route | undefined): boolean {
  // `x-id` is the SDKs' note of the operation's name; presigned URLs carry headers as parameters.
  if (name === 'x-id' || name.toLowerCase().startsWith('x-amz-')) return true;
  return (
    route !== undefined && (Object.hasOwn(route.when ?? {}, name) || (route.allows ?? []).includes(name))
  );
}
