import type { UnusedUpload } from '../ports/keeping-store.ts';
import type { Check } from './check.ts';

const UPLOADS_PER_PAGE = 200;
const LOOKS_AT_ONCE = 16;

/** Finds uploads that a batch could be made of, had their objects not gone. */
export async function checkUploads(check: Check): Promise<void> {
  const { keeping, signal } = check;
  let after: string | null = null;
  for (;;) {
    const page = await keeping.unusedUploads(after, UPLOADS_PER_PAGE);
    for (let from = 0; from < page.length; from += LOOKS_AT_ONCE) {
      signal?.throwIfAborted();
      await lookAt(check, page.slice(from, from + LOOKS_AT_ONCE));
    }
    if (page.length < UPLOADS_PER_PAGE) return;
    after = page.at(-1)!.id;
  }
}

async function lookAt(
  { keeping, objects, summary, taken, fix, tell }: Check,
  uploads: readonly UnusedUpload[],
): Promise<void> {
  const heads = await Promise.all(uploads.map(({ objectKey }) => objects.head(objectKey)));
  summary.uploads += uploads.length;
  for (const upload of uploads.filter((_, at) => heads[at] === null)) {
    const { id: handler, accountId: account, objectKey: key } = upload;
    // One that was copied, taken back or measured again meanwhile is none that is gone.
    if (!(await keeping.isStillUnused(upload))) continue;
    taken.emptied += 1;
    const mended = fix && (await keeping.noteUploadEmpty(upload));
    tell({ kind: 'upload_gone', handler, account, key, remedy: mended ? 'emptied' : null });
  }
}
