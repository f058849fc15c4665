import { proveSurvival } from '../support/struck-batch.ts';

/**
 * Three worker processes, of which one after the other is stopped (SIGSTOP) for longer than its leases last and then goes
 * on (SIGCONT) with what others have done meanwhile, all along the way of one batch.
 * The large proof: `FREEZE_RECORDS=1000000 FREEZES=100`.
 */

const { FREEZE_RECORDS: records, FREEZES: strikes } = process.env;
proveSurvival('SIGSTOP of workers for longer than their leases', 'freeze', { records, strikes });
