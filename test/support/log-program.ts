import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/log.ts';
import { runUntilStopped } from '../../src/run-until-stopped.ts';

/** Logs far more than it may keep, and tells what it has grown by. */
await runUntilStopped(async () => {
  const log = openLog(readConfig({}));
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 100_000; n += 1) log.info({ text: 'x'.repeat(1000) }, 'one line of many');
  process.stdout.write(
    `It has grown by ${Math.round((process.memoryUsage().rss - before) / 1024 ** 2)} MiB\n`,
  );
  process.stderr.write('and says so\n');
  setInterval(() => undefined, 1000);
  return { close: async () => undefined };
});
