import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { inFlight } from '../../src/adapters/s3/in-flight.ts';

/** Things that end when the test says so. */
function held() {
  const running = new Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }>();
  let most = 0;
  const run = (item: number) =>
    new Promise<string>((resolve, reject) => {
      running.set(item, { resolve, reject });
      most = Math.max(most, running.size);
    }).finally(() => running.delete(item));
  return {
    run,
    running: () => [...running.keys()],
    get: (item: number) => running.get(item)!,
    most: () => most,
  };
}

const settle = async () => {
  for (let index = 0; index < 5; index += 1) await turn();
};

describe('inFlight', () => {
  test('runs so many at once, and answers in the order of the items', async () => {
    const work = held();
    const done = inFlight(2, [1, 2, 3], work.run);
    await settle();
    expect(work.running()).toEqual([1, 2]);
    work.get(2).resolve('two');
    await settle();
    expect(work.running()).toEqual([1, 3]);
    work.get(3).resolve('three');
    work.get(1).resolve('one');
    expect(await done).toEqual(['one', 'two', 'three']);
    expect(work.most()).toBe(2);
  });

  test('takes the next item only when there is room for it', async () => {
    const taken: number[] = [];
    const items = (async function* () {
      for (let item = 1; item <= 10; item += 1) {
        taken.push(item);
        yield item;
      }
    })();
    const work = held();
    const done = inFlight(2, items, work.run);
    await settle();
    expect(taken).toEqual([1, 2]);
    for (let item = 1; item <= 10; item += 1) {
      work.get(item).resolve('x');
      await settle();
    }
    expect(await done).toHaveLength(10);
  });

  test('of nothing is nothing', async () => {
    expect(await inFlight(2, [], async () => 1)).toEqual([]);
  });

  test('begins nothing after a failure, waits for what runs, and throws the first', async () => {
    const work = held();
    let ended = false;
    const done = inFlight(2, [1, 2, 3], work.run).finally(() => {
      ended = true;
    });
    const refused = expect(done).rejects.toThrow('first');
    await settle();
    work.get(1).reject(new Error('first'));
    await settle();
    expect([work.running(), ended]).toEqual([[2], false]);
    work.get(2).reject(new Error('second'));
    await refused;
  });

  test('of items that break throws what broke them, when what runs has ended', async () => {
    const work = held();
    const items = (async function* () {
      yield 1;
      throw new Error('the source broke');
    })();
    const refused = expect(inFlight(2, items, work.run)).rejects.toThrow('the source broke');
    await settle();
    work.get(1).resolve('x');
    await refused;
  });
});
