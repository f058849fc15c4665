import type { Readable } from 'node:stream';

export interface ObjectHead {
  bytes: number;
  etag: string;
}

export interface PresignedRequest {
  url: string;
  method: 'PUT' | 'GET';
  /** Must be sent with the request: the signature binds them. */
  headers: Record<string, string>;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface ReadOptions {
  /** Bytes `[start, end)`. */
  range?: { start: number; end: number };
  /** Read only if the object still has this ETag. */
  ifMatch?: string;
  signal?: AbortSignal;
}

export interface PutOptions {
  contentType?: string;
  signal?: AbortSignal;
}

export interface CopyOptions {
  signal?: AbortSignal;
  /** Called whenever a part of a large object is copied: a sign that the copy goes on. */
  onPart?: () => void;
}

/** A part of a multipart upload, as whoever put it knows it. */
export interface UploadedPart {
  number: number;
  etag: string;
}

export interface StoredPart extends UploadedPart {
  bytes: number;
}

export interface PresignedParts {
  /** In order: the URL of part n is at n − 1. */
  urls: string[];
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** An object as a listing tells of it. */
export interface FoundObject {
  key: string;
  bytes: number;
  /** When it was stored, by the store's clock; milliseconds since the epoch. */
  at: number;
}

/** An upload in parts that was begun and neither completed nor aborted. */
export interface FoundUpload {
  key: string;
  uploadId: string;
  /** When it was begun. */
  at: number;
}

/** The rules of S3 for a multipart upload; every server that we know has them. */
export const MULTIPART = {
  parts: 10_000,
  /** Of every part but the last. */
  leastBytes: 5 * 1024 ** 2,
  mostBytes: 5 * 1024 ** 3,
} as const;

/** S3 takes at most so much in a single PUT, and in a single copy. */
export const LARGEST_PUT = 5 * 1024 ** 3;

export interface ObjectStore {
  /** A PUT for a client; `bytes` and `sha256`, where stated, are bound into the signature. */
  presignPut(
    key: string,
    bind: { bytes?: number; sha256?: string; contentType?: string },
  ): Promise<PresignedRequest>;
  presignGet(key: string, filename: string): Promise<PresignedRequest>;
  /** `null`: there is no such object. */
  head(key: string): Promise<ObjectHead | null>;
  /** @throws {ObjectGone} no such object. @throws {ObjectChanged} the ETag differs. @throws {RetryableFault} */
  read(key: string, options?: ReadOptions): Promise<Readable>;
  /** Copies inside the store. @throws {ObjectGone} @throws {ObjectChanged} @throws {RetryableFault} */
  copy(from: string, to: string, source: ObjectHead, options?: CopyOptions): Promise<void>;
  put(key: string, body: Buffer, options?: PutOptions): Promise<void>;
  /**
   * Stores a stream of unknown length; nothing is visible under the key before it is whole. `expectedBytes`, the most
   * that may come, keeps what is in memory of a large one as small as the store allows; without it, it grows with the
   * file.
   * @throws {PermanentFault} object_too_large: there is more than the store can hold
   */
  putStream(key: string, body: Readable, options?: PutOptions & { expectedBytes?: number }): Promise<void>;

  /** Begins an upload in parts, which is nothing yet for whoever looks at the key. Answers its id. */
  createMultipart(key: string, options?: { contentType?: string }): Promise<string>;
  /** PUTs for a client, one for each of so many parts; none of them needs headers. */
  presignParts(key: string, uploadId: string, count: number): Promise<PresignedParts>;
  /** What was put so far, by number. @throws {UploadGone} @throws {RetryableFault} */
  listParts(key: string, uploadId: string): Promise<StoredPart[]>;
  /**
   * Makes the parts one object. Whether a second run finds the upload depends on the server.
   * @throws {UploadGone} no such upload: completed or aborted before. @throws {PartsRefused} @throws {RetryableFault}
   */
  completeMultipart(key: string, uploadId: string, parts: readonly UploadedPart[]): Promise<ObjectHead>;
  /** Harmless when there is no such upload any more. A part that is on its way may still be stored: abort again then. */
  abortMultipart(key: string, uploadId: string, signal?: AbortSignal): Promise<void>;

  /** Harmless when there is no such object. */
  remove(key: string, signal?: AbortSignal): Promise<void>;
  /**
   * Removes every object, and aborts every unfinished multipart upload, whose key begins so. Harmless when run twice
   * or by two at once; what is written meanwhile may stay.
   * @returns how many there were
   */
  removeAll(prefix: string, options?: { signal?: AbortSignal }): Promise<number>;
  /** How many bytes all objects together have whose key begins so; parts that are not one object yet are not in it. */
  bytesOf(prefix: string, options?: { signal?: AbortSignal }): Promise<number>;
  /**
   * Every object whose key begins so, in the order of the keys, a page at a time; those seen may be removed meanwhile.
   * `after`: only those whose key comes after it.
   */
  list(prefix: string, options?: { after?: string; signal?: AbortSignal }): AsyncIterable<FoundObject[]>;
  /** Every unfinished upload whose key begins so, a page at a time; those seen may be aborted meanwhile. */
  unfinished(prefix: string, options?: { signal?: AbortSignal }): AsyncIterable<FoundUpload[]>;
  /** Removes objects, as many as a page of `list` has at the most. Harmless for those that are not there. */
  removeListed(keys: readonly string[], options?: { signal?: AbortSignal }): Promise<void>;
}

export class ObjectGone extends Error {
  constructor(key: string) {
    super(`there is no object ${key}`);
    this.name = 'ObjectGone';
  }
}

export class ObjectChanged extends Error {
  constructor(key: string) {
    super(`the object ${key} is not the one that was looked at before`);
    this.name = 'ObjectChanged';
  }
}

/** A multipart upload was completed or aborted before. */
export class UploadGone extends Error {
  constructor(key: string) {
    super(`there is no such unfinished upload of ${key}`);
    this.name = 'UploadGone';
  }
}

/** The store does not make one object of these parts. */
export class PartsRefused extends Error {
  /** S3's code: `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`. */
  readonly code: string;

  constructor(key: string, code: string, options: { cause?: unknown } = {}) {
    super(`the parts of ${key} do not go together: ${code}`, options);
    this.name = 'PartsRefused';
    this.code = code;
  }
}
