import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Bucket } from './bucket.ts';
import { checkBucketName } from './bucket-names.ts';
import { makeDirectory, syncDirectory } from './directories.ts';
import { DiskSpace } from './disk-space.ts';
import { S3Error } from './errors.ts';

/** The buckets in a directory. A bucket appears and goes by one rename; names with a dot in front are neither. */
export class Store {
  readonly #directory: string;
  readonly #space: DiskSpace;
  readonly #buckets = new Map<string, Bucket>();
  /** One creation or removal at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, space: DiskSpace) {
    this.#directory = directory;
    this.#space = space;
  }

  /** @throws Error when a bucket's journal is damaged */
  static async open(directory: string, reservedBytes = 0): Promise<Store> {
    const root = join(directory, 'buckets');
    await makeDirectory(root);
    const store = new Store(root, new DiskSpace(root, reservedBytes));
    try {
      for (const name of await readdir(root)) {
        if (name.startsWith('.')) await rm(join(root, name), { recursive: true, force: true });
        else store.#buckets.set(name, await Bucket.open(name, join(root, name), store.#space));
      }
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  list(): Bucket[] {
    return [...this.#buckets.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** @throws S3Error NoSuchBucket, InvalidBucketName */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket) return bucket;
    checkBucketName(name);
    throw new S3Error('NoSuchBucket', undefined, { BucketName: name });
  }

  /** @throws S3Error InvalidBucketName, BucketAlreadyOwnedByYou */
  async create(name: string, created: number): Promise<void> {
    checkBucketName(name);
    await this.#serially(async () => {
      if (this.#buckets.has(name))
        throw new S3Error('BucketAlreadyOwnedByYou', undefined, { BucketName: name });
      const fresh = join(this.#directory, `.new-${randomUUID()}`);
      const path = join(this.#directory, name);
      try {
        await Bucket.create(fresh, created);
        await rename(fresh, path);
      } catch (error) {
        await rm(fresh, { recursive: true, force: true });
        throw error;
      }
      await syncDirectory(this.#directory);
      this.#buckets.set(name, await Bucket.open(name, path, this.#space));
    });
  }

  /** Removes an empty bucket, and multipart uploads in it. @throws S3Error NoSuchBucket, BucketNotEmpty */
  async remove(name: string): Promise<void> {
    await this.#serially(async () => {
      await this.bucket(name).closeIfEmpty();
      this.#buckets.delete(name);
      const doomed = join(this.#directory, `.old-${randomUUID()}`);
      await rename(join(this.#directory, name), doomed);
      await syncDirectory(this.#directory);
      await rm(doomed, { recursive: true, force: true });
    });
  }

  async close(): Promise<void> {
    await this.#turn;
    await Promise.all([...this.#buckets.values()].map((bucket) => bucket.close()));
  }

  async #serially(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    // The next in line waits for this one to end, however it ends; the caller gets the error.
    this.#turn = mine.then(
      () => undefined,
      () => undefined,
    );
    await mine;
  }
}
