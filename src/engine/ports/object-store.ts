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
  copy(from: string, to: string, source: ObjectHead, signal?: AbortSignal): Promise<void>;
  put(key: string, body: Buffer, options?: { contentType?: string; signal?: AbortSignal }): Promise<void>;
  /** Stores a stream of unknown length in flat memory; nothing is visible under the key before it is whole. */
  putStream(
    key: string,
    body: Readable,
    options?: { contentType?: string; signal?: AbortSignal },
  ): Promise<void>;
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
