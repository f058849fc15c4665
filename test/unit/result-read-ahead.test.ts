import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readAhead } from '../../src/engine/results/read-ahead.ts';
import { gate } from '../support/gate.ts';

async function* numbers(count: number) {
  for (let n = 0; n < count; n += 1) yield n;
}

/** Reads that end when they are told to. */
function reads() {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const read = async (n: number) => {
    begun.push(n);
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => {
      ends[n] = resolve;
    });
    running -= 1;
    return n * 10;
  };
  return { read, begun, ends, running: () => running, most: () => most };
}

describe('reading ahead', () => {
  test('answers in order, though the last read ends first, and has only so many under way', async () => {
    const { read, ends, most, begun } = reads();
    const answers: number[] = [];
    const all = (async () => {
      for await (const answer of readAhead(numbers(7), 3, read)) answers.push(answer);
    })();
    while (answers.length < 7) {
      await turn();
      // The latest that is under way ends first.
      const latest = ends.findLastIndex((end) => end !== undefined);
      if (latest !== -1) {
        ends[latest]?.();
        delete ends[latest];
      }
    }
    await all;
    expect(answers).toEqual([0, 10, 20, 30, 40, 50, 60]);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most()).toBe(3);
  });

  test('a read that fails is told in its turn', async () => {
    const answers: number[] = [];
    const failing = (async () => {
      for await (const answer of readAhead(numbers(9), 4, async (n) => {
        if (n === 2) throw new Error('gone');
        return n;
      }))
        answers.push(answer);
    })();
    await expect(failing).rejects.toThrow('gone');
    expect(answers).toEqual([0, 1]);
  });

  test('a read that fails before its turn waits for it, and the first in order is the one that is told', async () => {
    const first = gate();
    const answers: number[] = [];
    const failing = (async () => {
      for await (const answer of readAhead(numbers(4), 4, async (n) => {
        if (n === 0) await first.wait();
        if (n > 1) throw new Error(`${n} is gone`);
        return n;
      }))
        answers.push(answer);
    })();
    let over = false;
    const told = expect(
      failing.finally(() => {
        over = true;
      }),
    ).rejects.toThrow('2 is gone');
    await first.arrived;
    // A rejection that nobody holds on to would be told as unhandled by now, and end the run.
    await turn();
    await turn();
    expect([over, answers]).toEqual([false, []]);
    first.open();
    await told;
    expect(answers).toEqual([0, 1]);
  });

  test('a read that fails after somebody stopped is nobody’s any more', async () => {
    const { read, ends, begun } = reads();
    const stopped = (async () => {
      for await (const _ of readAhead(numbers(9), 3, async (n) => {
        await read(n);
        if (n === 2) throw new Error('gone');
      }))
        break;
    })();
    while (begun.length < 3) await turn();
    for (const end of ends) end();
    await stopped;
  });

  test('whoever stops early waits for what is under way, and nothing more begins', async () => {
    const { read, ends, running, begun } = reads();
    const stopped = (async () => {
      for await (const _ of readAhead(numbers(9), 3, read)) break;
    })();
    while (begun.length < 3) await turn();
    ends[0]?.();
    await turn();
    await turn();
    let over = false;
    void stopped.then(() => {
      over = true;
    });
    await turn();
    expect([over, running()]).toEqual([false, 2]);
    ends[1]?.();
    ends[2]?.();
    await stopped;
    expect([running(), begun]).toEqual([0, [0, 1, 2]]);
  });

  test('of nothing is nothing', async () => {
    for await (const _ of readAhead(numbers(0), 3, async (n) => n)) throw new Error('there is something');
  });
});
