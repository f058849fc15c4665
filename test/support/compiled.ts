import { execFile } from 'node:child_process';
import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = new URL('../../', import.meta.url).pathname;
const BUILT = join(ROOT, 'dist', '.built');
const SOURCES = [
  'src',
  'workers',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/**
 * Builds `dist/` unless it is as new as what it is made of. Tests start a few hundred processes of ours: compiled, as
 * they are shipped, each comes up in half the time that it takes from the sources.
 */
export async function compile(): Promise<void> {
  const begun = new Date();
  const built = await stat(BUILT).catch(() => null);
  if (built !== null && built.mtimeMs > (await newestOf(SOURCES))) return;
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  await writeFile(BUILT, '');
  await utimes(BUILT, begun, begun);
}

async function newestOf(names: readonly string[]): Promise<number> {
  let newest = 0;
  for (const name of names) {
    const path = join(ROOT, name);
    const found = await stat(path);
    newest = Math.max(newest, found.mtimeMs);
    if (!found.isDirectory()) continue;
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      newest = Math.max(newest, (await stat(join(entry.parentPath, entry.name))).mtimeMs);
    }
  }
  return newest;
}

/** How Node runs one of our entry points, which the sources name: `src/main.ts`. */
export function compiledArgs(script: string): string[] {
  const ours = /^(src|workers)\/.*\.ts$/.test(script);
  return ours ? [join('dist', script.replace(/\.ts$/, '.js'))] : ['--import', 'tsx', script];
}
