import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/adapters/postgres/turns.ts';

const LONG = 60_000;

const turnsOf = (atOnce: number, ofOne = atOnce, waitingOfOne = 100) =>
  new Turns({ atOnce, ofOne, waitingOfOne });

/** Whether it still waits, when whatever was to be told at once was told. */
async function isOpen(turn: Promise<unknown>): Promise<boolean> {
  let open = true;
  turn.then(() => {
    open = false;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return open;
}

describe('turns', () => {
  test('so many at once, the others in their order', async () => {
    const turns = turnsOf(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const all = [0, 1, 2, 3, 4].map(async (number) => {
      const end = await turns.take('ada', LONG);
      begun.push(number);
      ends.push(end!);
    });
    await Promise.all(all.slice(0, 2));
    expect(begun).toEqual([0, 1]);
    ends[1]!();
    await all[2];
    expect(begun).toEqual([0, 1, 2]);
    ends[0]!();
    ends[2]!();
    await Promise.all(all);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  test('nobody takes a turn that was handed on', async () => {
    const turns = turnsOf(1);
    const first = await turns.take('ada', LONG);
    const second = turns.take('ada', LONG);
    first!();
    const third = turns.take('ada', LONG);
    expect(await isOpen(third)).toBe(true);
    (await second)!();
    (await third)!();
    expect(await turns.take('ada', LONG)).not.toBeNull();
  });

  test('whose turn does not come in time waits no longer', async () => {
    const turns = turnsOf(1);
    const end = await turns.take('ada', LONG);
    expect(await turns.take('ada', 5)).toBeNull();
    // Nor is a turn kept for it.
    end!();
    expect(await turns.take('ada', 5)).not.toBeNull();
  });

  test('whoever has a hundred waiting is served in turn with whoever has one', async () => {
    const turns = turnsOf(1);
    const served: string[] = [];
    const end = await turns.take('ada', LONG);
    const one = async (whose: string) => {
      const over = await turns.take(whose, LONG);
      served.push(whose);
      over!();
    };
    const all = [...Array.from({ length: 4 }, () => one('ada')), one('grace'), one('joan'), one('grace')];
    end!();
    await Promise.all(all);
    expect(served).toEqual(['ada', 'grace', 'joan', 'ada', 'grace', 'ada', 'ada']);
  });

  test('there is a place for another while one has all that they may have', async () => {
    const turns = turnsOf(3, 2);
    const ends = [await turns.take('ada', LONG), await turns.take('ada', LONG)];
    const waits = turns.take('ada', LONG);
    expect(await isOpen(waits)).toBe(true);
    const other = await turns.take('grace', LONG);
    // The place is still not hers: it is free for whoever else comes.
    other!();
    expect(await isOpen(waits)).toBe(true);
    ends[0]!();
    expect(await waits).not.toBeNull();
  });

  test('as many of one wait as may, and others still do', async () => {
    const turns = turnsOf(1, 1, 2);
    const end = await turns.take('ada', LONG);
    const waiting = [turns.take('ada', LONG), turns.take('ada', LONG)];
    expect(await turns.take('ada', LONG)).toBeNull();
    const other = turns.take('grace', LONG);
    end!();
    for (const next of [waiting[0]!, other, waiting[1]!]) (await next)!();
    expect(await turns.take('ada', LONG)).not.toBeNull();
  });
});
