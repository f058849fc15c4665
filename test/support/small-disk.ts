import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Program, ROOT, startProgram } from './program.ts';

/** A file system of its own, of a program that runs on nothing else; it goes with the program. */
export interface SmallDisk {
  /** Where we see what the program sees under `path`. */
  inside(path: string): string;
  /** Fills it up to so many bytes. */
  fill(leaveBytes: number): Promise<void>;
  /** Takes away what `fill` has put there. */
  free(): Promise<void>;
}

const FILLER = 'filler';
const PIECE = Buffer.alloc(64 * 1024);

/**
 * Starts one of our programs with small disks in its own mount namespace.
 * @param disks their places, each an empty directory, and sizes
 * @param unshared the command that makes a namespace (namespaces.ts)
 */
export async function startOnSmallDisks(
  script: string,
  options: { settings: Record<string, string>; up: RegExp; unshared: string[] },
  disks: Record<string, { megabytes: number }>,
): Promise<{ program: Program; disks: SmallDisk[] }> {
  const mounts = Object.entries(disks).map(
    ([place, { megabytes }]) => `mount -t tmpfs -o size=${megabytes}m tmpfs '${place}'`,
  );
  const under = [...options.unshared, '/bin/sh', '-c', `${mounts.join(' && ')} && exec "$@"`, 'sh'];
  for (const place of Object.keys(disks)) await mkdir(place, { recursive: true });
  const program = await startProgram(script, options.settings, options.up, ROOT, under);
  const root = join('/proc', String(program.child.pid), 'root');
  return { program, disks: Object.keys(disks).map((place) => smallDisk(join(root, place))) };
}

function smallDisk(place: string): SmallDisk {
  const inside = (path: string) => join(place, path);
  return {
    inside,
    async fill(leaveBytes) {
      const file = await open(inside(FILLER), 'a');
      try {
        for (;;) {
          const { bavail, bsize } = await statfs(place);
          const bytes = Math.min(bavail * bsize - leaveBytes, PIECE.length);
          if (bytes <= 0) return;
          await file.write(PIECE, 0, bytes);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(inside(FILLER), { force: true }),
  };
}
