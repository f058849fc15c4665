import { expect, it } from 'vitest';
import { openTestSheaf } from '../support/sheaf.ts';

it('no ticket is served in vain: many small chunks on many hands need no sweep to be finished', async () => {
  // The sweep comes once at the start and then never: a chunk whose ticket found nothing would wait for ever.
  const sheaf = await openTestSheaf({
    SHEAF_SWEEP_SECONDS: '3600',
    SHEAF_CHUNK_RECORDS: '1',
    SHEAF_WORKER_CONCURRENCY: '8',
  });
  await sheaf.startWorkers();
  const rows = (batch: number) => Array.from({ length: 60 }, (_, n) => `t${batch}-${n}`).join('\n');
  const ids = await Promise.all(
    [1, 2, 3, 4].map(async (n) => await sheaf.submit(await sheaf.upload(`learner_id\n${rows(n)}\n`))),
  );
  for (const id of ids) {
    expect(await sheaf.ended(id)).toMatchObject({
      status: 'completed',
      counts: { total: 60, succeeded: 60 },
    });
  }
  await sheaf.close();
});
