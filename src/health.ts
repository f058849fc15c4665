import { type OpenDatabase, pingDatabase } from './adapters/postgres/database.ts';
import type { S3ObjectStore } from './adapters/s3/object-store.ts';

/** What is wrong with each part that requests need; `null`: nothing. */
export async function healthOf(
  { db }: OpenDatabase,
  objects: Pick<S3ObjectStore, 'ping'>,
): Promise<Record<string, string | null>> {
  const [database, objectStore] = await Promise.all([
    wrongWith(() => pingDatabase(db)),
    wrongWith(() => objects.ping()),
  ]);
  return { database, object_store: objectStore };
}

/** Whoever asks whether requests can be served waits no longer; a part that is gone without a word gives no answer. */
const HEALTH_MS = 5_000;

async function wrongWith(check: () => Promise<void>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${HEALTH_MS} ms`), HEALTH_MS);
  });
  const found = check().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  try {
    return await Promise.race([found, late]);
  } finally {
    clearTimeout(timer);
  }
}
