import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withinTime } from '../../src/engine/within-time.ts';

const allows = (timeoutSeconds?: number) => ({
  name: 'greet',
  limits: timeoutSeconds === undefined ? {} : { timeoutSeconds },
});
const logged: { level: string; fields: object }[] = [];
const logTo = (level: string) => (fields: object) => void logged.push({ level, fields });
const log = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') };
const context = { signal: new AbortController().signal, log, batchId: 'b' };

/** What nobody waited for: a process that has such a rejection ends. */
let unhandled: unknown[];
const note = (error: unknown) => unhandled.push(error);
beforeEach(() => {
  unhandled = [];
  logged.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
});

const stopped = (signal: AbortSignal, tell: (reason: unknown) => void) =>
  signal.addEventListener('abort', () => tell(signal.reason));

describe('a call of a handler', () => {
  it('is given up when its time is over, and told so', async () => {
    let told: AbortSignal | undefined;
    const call = withinTime(allows(0.01), context, async (given) => {
      told = given;
      await new Promise(() => undefined);
    });
    await expect(call).rejects.toThrow('greet took longer than 0.01 s');
    expect(told?.aborted).toBe(true);
  });

  it('has what it throws after its time written to the log, and nowhere else', async () => {
    const late = new Error('the upstream sent rubbish');
    const call = withinTime(allows(0.01), context, async (given) => {
      await new Promise((resolve) => given.addEventListener('abort', resolve));
      throw late;
    });
    await expect(call).rejects.toThrow('greet took longer than 0.01 s');
    await expect
      .poll(() => logged)
      .toEqual([{ level: 'warn', fields: { operation: 'greet', batch: 'b', err: late } }]);
    expect(unhandled).toEqual([]);
  });

  it.each<[string, (given: AbortSignal) => Promise<unknown>]>([
    ['the signal’s reason', async (given) => await new Promise((_, reject) => stopped(given, reject))],
    ['an error caused by it', async (given) => await sleep(60_000, undefined, { signal: given })],
  ])('that ends when it is told to, by %s, is logged no more', async (_how, handler) => {
    await expect(withinTime(allows(0.01), context, handler)).rejects.toThrow('took longer than 0.01 s');
    await sleep(50);
    expect([logged, unhandled]).toEqual([[], []]);
  });

  it.each([undefined, 0.01])('that throws at once fails as any other (limit: %s)', async (seconds) => {
    const call = withinTime(allows(seconds), context, () => {
      throw new Error('no such thing');
    });
    await expect(call).rejects.toThrow('no such thing');
    await sleep(50);
    expect([logged, unhandled]).toEqual([[], []]);
  });

  it.each([undefined, 0.01])('may answer without a promise (limit: %s)', async (seconds) => {
    expect(await withinTime(allows(seconds), context, (() => 7) as never)).toBe(7);
    await sleep(50);
    expect(unhandled).toEqual([]);
  });
});
