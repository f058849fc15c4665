import { randomUUID } from 'node:crypto';
import { convertedKey, inputKey, partKey, resultKey } from '../../src/engine/keys.ts';
import { sha256, type TestSheaf } from './sheaf.ts';

/** What leases leave of a batch whose workers died: one object of each kind, and an upload in parts; answers the keys. */
export async function leaveBehind({ services }: TestSheaf, batchId: string): Promise<string[]> {
  const lease = randomUUID();
  const body = Buffer.from(`left by ${lease}`);
  const keys = [
    inputKey(batchId, lease),
    convertedKey(batchId, lease),
    partKey(batchId, 'validate', 1, lease, sha256(body)),
    partKey(batchId, 'process', 1, randomUUID(), sha256(body)),
    resultKey(batchId, lease, 'all.ndjson'),
  ];
  for (const key of keys) await services.objects.put(key, body);
  await services.objects.createMultipart(resultKey(batchId, lease, 'succeeded.ndjson'));
  return keys.sort();
}

/** The unfinished uploads whose keys begin so. */
export async function unfinishedUploads({ services }: TestSheaf, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of services.objects.unfinished(prefix)) keys.push(...page.map(({ key }) => key));
  return keys;
}
