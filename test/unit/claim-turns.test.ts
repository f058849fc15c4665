import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClaimTurns } from '../../src/adapters/postgres/claim-turns.ts';

/** Serves `turns` times whoever is the least ahead, the first of those that are equal. */
function serve(turns: ClaimTurns, weights: Record<string, number>, times: number): string[] {
  const served: string[] = [];
  for (let n = 0; n < times; n += 1) {
    const { accounts, by } = turns.ahead();
    const aheadOf = (account: string) => by[accounts.indexOf(account)] ?? 0;
    const [next] = Object.keys(weights).sort((a, b) => aheadOf(a) - aheadOf(b));
    turns.took({ accountId: next!, weight: weights[next!]!, alone: Object.keys(weights).length === 1 });
    served.push(next!);
  }
  return served;
}

const countOf = (served: string[], account: string) => served.filter((it) => it === account).length;

describe('turns', () => {
  it('go round', () => {
    expect(serve(new ClaimTurns(), { a: 1, b: 1, c: 1 }, 6).join('')).toBe('abcabc');
  });

  it('come as often as the weights say, whatever they are, and to everybody', () => {
    const weight = fc.double({ min: 0.1, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.array(weight, { minLength: 2, maxLength: 6 }), (list) => {
        const weights = Object.fromEntries(list.map((one, index) => [`account ${index}`, one]));
        const sum = list.reduce((all, one) => all + one, 0);
        const served = serve(new ClaimTurns(), weights, 300);
        for (const [account, one] of Object.entries(weights)) {
          expect(Math.abs(countOf(served, account) - (300 * one) / sum)).toBeLessThan(list.length + 1);
        }
      }),
    );
  });

  it('are not saved up by whoever has no work', () => {
    const turns = new ClaimTurns();
    serve(turns, { a: 1, b: 1 }, 10);
    serve(turns, { a: 1 }, 100);
    expect(serve(turns, { a: 1, b: 1 }, 4).join('')).toBe('abab');
  });

  it('of more accounts than are remembered are known of the last ones', () => {
    const turns = new ClaimTurns();
    for (let n = 0; n < 5000; n += 1) turns.took({ accountId: `${n}`, weight: 1, alone: false });
    const { accounts } = turns.ahead();
    expect(accounts).toHaveLength(1000);
    expect(accounts).toContain('4999');
  });
});
