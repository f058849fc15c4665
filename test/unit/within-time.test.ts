import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withinTime } from '../../src/engine/within-time.ts';

const allows = (timeoutSeconds?: number) => ({
  name: 'greet',
  limits: timeoutSeconds === undefined ? {} : { timeoutSeconds },
});
const { signal } = new AbortController();

/** What nobody waited for: a process that has such a rejection ends. */
let unhandled: unknown[];
const note = (error: unknown) => unhandled.push(error);
beforeEach(() => {
  unhandled = [];
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
});

describe('a call of a handler', () => {
  it('is given up when its time is over, and told so', async () => {
    let told: AbortSignal | undefined;
    const call = withinTime(allows(0.01), signal, async (given) => {
      told = given;
      await new Promise(() => undefined);
    });
    await expect(call).rejects.toThrow('greet took longer than 0.01 s');
    expect(told?.aborted).toBe(true);
  });

  it.each([undefined, 0.01])('that throws at once fails as any other (limit: %s)', async (seconds) => {
    const call = withinTime(allows(seconds), signal, () => {
      throw new Error('no such thing');
    });
    await expect(call).rejects.toThrow('no such thing');
    await sleep(50);
    expect(unhandled).toEqual([]);
  });

  it.each([undefined, 0.01])('may answer without a promise (limit: %s)', async (seconds) => {
    expect(await withinTime(allows(seconds), signal, (() => 7) as never)).toBe(7);
    await sleep(50);
    expect(unhandled).toEqual([]);
  });
});
