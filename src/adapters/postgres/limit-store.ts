import type { LimitStore } from '../../engine/ports/limit-store.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';
import { answered, block, forgetCircuits, foundDown, lookAt, probe, wantSlots } from './limit-circuits.ts';
import { forgetRates, takeRate } from './limit-rates.ts';
import { forgetSlots, giveSlots, keepSlots, takeSlots } from './limit-slots.ts';

/**
 * Limits for all processes, in PostgreSQL, by its clock. Each statement is a transaction of its own, so that no row is
 * locked for longer than it takes.
 * @param options.leaseSeconds for how long slots are held without being renewed
 */
export function postgresLimitStore({ sql, leaseSeconds }: { sql: Sql; leaseSeconds: number }): LimitStore {
  const told = <T>(work: () => Promise<T>): Promise<T> => faultsTold(work);
  return {
    take: (key, rate, records) => told(() => takeRate(sql, key, rate, { ...records, single: false })),
    takeSingle: (key, rate) => told(() => takeRate(sql, key, rate, { least: 1, most: 1, single: true })),
    takeSlots: (target, holder, slots) => told(() => takeSlots(sql, leaseSeconds, target, holder, slots)),
    keepSlots: (holder) => told(() => keepSlots(sql, leaseSeconds, holder)),
    giveSlots: (holder, slots) => told(() => giveSlots(sql, holder, slots)),
    wantSlots: (target) => told(() => wantSlots(sql, target)),
    look: (targets) => told(() => lookAt(sql, targets)),
    block: (target, seconds) => told(() => block(sql, target, seconds)),
    foundDown: (target, breaker) => told(() => foundDown(sql, target, breaker)),
    answered: (target) => told(() => answered(sql, target)),
    probe: (target, seconds) => told(() => probe(sql, target, seconds)),
    forgetUnused: (most) =>
      told(
        async () =>
          (await forgetRates(sql, most)) + (await forgetSlots(sql, most)) + (await forgetCircuits(sql, most)),
      ),
  };
}
