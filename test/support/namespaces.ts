import { spawnSync } from 'node:child_process';
import type { Requirement } from './requirements.ts';

/** `unshare` with these arguments, where this machine lets us: as a command to put before another. In CI it must. */
export function unshared(...options: string[]): Requirement<string[]> {
  const command = ['unshare', '--user', '--map-root-user', ...options];
  const tried = spawnSync(command[0] ?? '', [...command.slice(1), 'true'], { encoding: 'utf8' });
  const works = tried.status === 0;
  const missing = !works && process.env.CI !== 'true';
  return {
    missing,
    reason: missing ? ' (skipped: unshare does not work here)' : '',
    value: () => {
      if (!works)
        throw new Error(`${command.join(' ')} does not work, and this suite must run: ${tried.stderr}`);
      return command;
    },
  };
}
