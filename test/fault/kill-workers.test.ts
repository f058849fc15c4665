import { proveSurvival } from '../support/struck-batch.ts';

/**
 * Three worker processes, of which one after the other is killed with -9 all along the way of one batch. They are started
 * again, as a supervisor does it, and nothing else helps. The large proof: `KILL_RECORDS=1000000 KILLS=100`.
 */

const { KILL_RECORDS: records, KILLS: strikes } = process.env;
proveSurvival('kill -9 of workers', 'kill', { records, strikes });
