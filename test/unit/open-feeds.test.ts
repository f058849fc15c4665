import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { OpenFeeds } from '../../src/api/open-feeds.ts';
import { apiInMemory, someBatch, type World } from './api-memory.ts';

/** Readers of events that take nothing. How a stream goes otherwise is in api-events.test.ts. */

let world: World;
afterEach(() => world.app.close());

async function opened(highWaterMark: number) {
  world = await apiInMemory();
  const batch = world.batches.get(await someBatch(world))!;
  const feeds = new OpenFeeds({ log: pino({ level: 'silent' }), feeds: { readerMs: 200, lookMs: 20 } });
  const out = new PassThrough({ highWaterMark });
  const from = { batches: { look: async () => batch }, isStillAdmitted: async () => true };
  feeds.open(out, from, batch, 0);
  return { out, feeds };
}

test('one that takes nothing of what waits for it is cut off', async () => {
  const { out } = await opened(1);
  expect(out.writableNeedDrain).toBe(true);
  await expect.poll(() => out.destroyed, { timeout: 20_000 }).toBe(true);
});

test('one that waits for nothing is kept, and so is one that is only slow', async () => {
  for (const highWaterMark of [1_000_000, 1]) {
    const { out, feeds } = await opened(highWaterMark);
    out.resume();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(out.destroyed).toBe(false);
    feeds.close();
  }
});
