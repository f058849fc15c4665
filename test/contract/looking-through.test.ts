import { beforeAll, expect, it } from 'vitest';
import type { S3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import { onEveryServer } from '../support/object-stores.ts';

/** Looking through the `ObjectStore` port, page by page, proved on every S3 server that there is. */

onEveryServer('looking through the object store', (opened) => {
  let store: S3ObjectStore;
  beforeAll(() => {
    store = opened().with({ pageKeys: 2 });
  });

  const all = async <T>(pages: AsyncIterable<T[]>) => {
    const found: T[][] = [];
    for await (const page of pages) found.push(page);
    return found;
  };
  const put = (...keys: string[]) => Promise.all(keys.map((key) => store.put(key, Buffer.from(key))));

  it('tells every object in the order of the keys, also after one of them, and while they go', async () => {
    // As bytes and not as numbers, nor as a language would sort them.
    const keys = ['look/10', 'look/2', 'look/2/a', 'look/Z', 'look/a', 'look/ä'];
    await put(...[...keys].reverse(), 'looking');
    const pages = await all(store.list('look/'));
    expect(pages.flat().map(({ key }) => key)).toEqual(keys);
    expect(Math.max(...pages.map(({ length }) => length))).toBe(2);
    const { bytes, at } = pages[0]![0]!;
    expect(bytes).toBe('look/10'.length);
    expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    const after = await all(store.list('look/', { after: 'look/2' }));
    expect(after.flat().map(({ key }) => key)).toEqual(keys.slice(2));

    const seen: string[] = [];
    for await (const page of store.list('look/')) {
      seen.push(...page.map(({ key }) => key));
      await store.removeListed(page.map(({ key }) => key));
    }
    expect(seen).toEqual(keys);
    expect(await all(store.list('look/'))).toEqual([[]]);
    expect(await store.head('looking')).not.toBeNull();
    // What is not there, and nothing at all.
    await store.removeListed([...keys.slice(0, 2)]);
    await store.removeListed([]);
  });

  it('tells every upload that is not finished', async () => {
    const begun: [string, string][] = [];
    for (const key of ['parts/a', 'parts/b', 'parts/b', 'partsother'])
      begun.push([key, await store.createMultipart(key)]);
    const found = (await all(store.unfinished('parts/'))).flat();
    expect(found.map(({ key, uploadId }) => [key, uploadId]).sort()).toEqual(begun.slice(0, 3).sort());
    for (const { at } of found) expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    for await (const page of store.unfinished('parts/')) {
      for (const { key, uploadId } of page) await store.abortMultipart(key, uploadId);
    }
    expect((await all(store.unfinished('parts/'))).flat()).toEqual([]);
  });
});
