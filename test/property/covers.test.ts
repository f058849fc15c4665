import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, isAllowed, lacking, type Statement } from '../../src/core/access.ts';
import { BUILT_IN_ROLES } from '../../src/core/roles.ts';
import { ADMIN_STATEMENTS } from '../support/caller.ts';

/** Of two letters, so that patterns and actions have much in common. */
const action = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
const pattern = fc.oneof(
  fc.constant('*'),
  action,
  action.map((prefix) => `${prefix}*`),
);
const statement: fc.Arbitrary<Statement> = fc.record({
  effect: fc.constantFrom('allow', 'deny'),
  actions: fc.array(pattern, { minLength: 1, maxLength: 4 }),
});
const statements = fc.array(statement, { maxLength: 4 });

/** Every action of up to five letters: longer ones meet the same patterns as one of these. */
const ACTIONS = longer('');

function longer(text: string): string[] {
  return text.length === 5 ? [text] : [text, ...longer(`${text}a`), ...longer(`${text}b`)];
}

const RUNS = { numRuns: 20_000 };

describe('covers', () => {
  test('whoever is covered may do nothing that the other may not', () => {
    let covered = 0;
    fc.assert(
      fc.property(statements, statements, (more, less) => {
        if (!covers(more, less)) return;
        covered += 1;
        for (const name of ACTIONS) if (isAllowed(less, name)) expect(isAllowed(more, name)).toBe(true);
      }),
      RUNS,
    );
    expect(covered).toBeGreaterThan(1000);
  });

  test('what is narrowed by denials alone is covered, and everybody covers themselves', () => {
    fc.assert(
      fc.property(statements, fc.array(pattern, { maxLength: 4 }), (own, denied) => {
        expect(covers(own, own)).toBe(true);
        expect(covers(own, [...own, { effect: 'deny', actions: denied }])).toBe(true);
      }),
      RUNS,
    );
  });

  test('the admin covers everybody', () => {
    fc.assert(fc.property(statements, (less) => covers(ADMIN_STATEMENTS, less)));
  });

  test('of single actions it is exact', () => {
    fc.assert(
      fc.property(statements, fc.array(action, { maxLength: 4 }), (more, actions) => {
        const every = actions.every((name) => isAllowed(more, name));
        expect(covers(more, [{ effect: 'allow', actions }])).toBe(every);
      }),
      RUNS,
    );
  });

  test('what is lacking names what the other may do, or denies part of it', () => {
    fc.assert(
      fc.property(statements, statements, (more, less) => {
        for (const missing of lacking(more, less)) {
          const name = missing.replace(/\*$/, 'abab');
          const known = less.some((one) => one.effect === 'allow' && isAllowed([one], name));
          expect(known || more.some((one) => one.effect === 'deny' && one.actions.includes(missing))).toBe(
            true,
          );
        }
      }),
      RUNS,
    );
  });

  test('each built-in role covers those that come after it, and none before', () => {
    BUILT_IN_ROLES.forEach((role, place) => {
      BUILT_IN_ROLES.forEach((other, otherPlace) => {
        expect(covers(role.statements, other.statements), `${role.name} ${other.name}`).toBe(
          place <= otherPlace,
        );
      });
    });
  });

  test('the largest roles that overlap everywhere are compared: each with each would take days', () => {
    const many = (effect: Statement['effect'], prefix: string): Statement => ({
      effect,
      actions: Array.from({ length: 10_000 }, (_, index) => `${prefix.repeat(50)}${index}`),
    });
    const own: Statement[] = [{ effect: 'allow', actions: ['*'] }, many('deny', 'a')];
    expect(lacking(own, [many('allow', 'b'), many('deny', 'a')])).toEqual([]);
    expect(lacking(own, [many('allow', 'a'), many('deny', 'b')])).toHaveLength(10_000);
    expect(lacking(own, [{ effect: 'allow', actions: ['*'] }, many('deny', 'b')])).toHaveLength(10_000);
  });
});
