import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/adapters/postgres/turns.ts';

const LONG = 60_000;

describe('turns', () => {
  test('so many at once, the others in their order', async () => {
    const turns = new Turns(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const all = [0, 1, 2, 3, 4].map(async (number) => {
      const end = await turns.take(LONG);
      begun.push(number);
      ends.push(end!);
    });
    await Promise.all(all.slice(0, 2));
    expect([begun, turns.waiting]).toEqual([[0, 1], 3]);
    ends[1]!();
    await all[2];
    expect([begun, turns.waiting]).toEqual([[0, 1, 2], 2]);
    ends[0]!();
    ends[2]!();
    await Promise.all(all);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  test('nobody takes a turn that was handed on', async () => {
    const turns = new Turns(1);
    const first = await turns.take(LONG);
    const second = turns.take(LONG);
    first!();
    const third = turns.take(LONG);
    expect(turns.waiting).toBe(1);
    (await second)!();
    (await third)!();
    expect(await turns.take(LONG)).not.toBeNull();
  });

  test('whose turn does not come in time waits no longer', async () => {
    const turns = new Turns(1);
    const end = await turns.take(LONG);
    expect(await turns.take(5)).toBeNull();
    expect(turns.waiting).toBe(0);
    end!();
    expect(await turns.take(5)).not.toBeNull();
  });
});
