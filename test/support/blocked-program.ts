import { execFileSync } from 'node:child_process';
import { pino } from 'pino';
import { startWatchdog } from '../../src/watchdog/start-watchdog.ts';

/** A process under the watchdog whose loop is blocked for ever, in the way that its argument names. */

const BLOCKS: Record<string, () => void> = {
  loop: function loopForEver() {
    for (let n = 0; ; n += 1) Math.sqrt(n);
  },
  expression: function matchForEver() {
    /^(a+)+$/.test(`${'a'.repeat(60)}b`);
  },
  program: function runForEver() {
    execFileSync('sleep', ['20']);
  },
  nothing: () => undefined,
};

const [way = '', seconds = '', endToo = ''] = process.argv.slice(2);
// As ours do: from here on the signal reaches only a loop that goes round.
process.on('SIGTERM', () => process.exit(0));
const watchdog = startWatchdog(Number(seconds), pino({ level: 'error' }));
if (endToo !== '') watchdog.endToo(Number(endToo));
setInterval(() => undefined, 1000);
process.stdout.write('It is up\n');
setTimeout(() => BLOCKS[way]?.(), 500);
