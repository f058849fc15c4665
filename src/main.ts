import { environment } from './config.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { startAll } from './start.ts';

/** `npm start`: everything in one process, until it is stopped. */
await runUntilStopped(async () => {
  const running = await startAll({ env: environment() });
  const lines = [
    `Sheaf is up at ${running.url}`,
    `  docs       ${running.url}/docs`,
    `  data       ${running.dataDirectory}`,
  ];
  if (running.adminKeyCreated)
    lines.push(`  admin key  ${running.adminKey}   (printed this once; kept in admin-key there)`);
  if (running.adminPassword !== null) {
    lines.push(
      '  sign in    as admin with this password, which is printed this once and kept nowhere:',
      `             ${running.adminPassword}`,
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return running;
});
