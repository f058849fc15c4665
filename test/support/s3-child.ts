import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server in a child process. */
export interface S3Child {
  endpoint: string;
  process: ChildProcess;
  /** What it wrote to stderr so far. */
  stderr(): string;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Starts `s3-server-process.ts` on a directory; `shell` commands, such as ulimit, run before it. */
export async function spawnS3(directory: string, shell = ''): Promise<S3Child> {
  const script = fileURLToPath(new URL('./s3-server-process.ts', import.meta.url));
  const command = `${shell} exec "$0" --import tsx "$1" "$2"`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, script, directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new Error(`the S3 server ended: ${errors}`);
  return {
    endpoint: first.value,
    process: child,
    stderr: () => errors,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
