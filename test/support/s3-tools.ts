import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CREDENTIALS, REGION } from './s3-server.ts';

/** What a program left when it ended. */
export interface ToolRun {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** A directory of its own in which programs run that know one pair of credentials and nothing of this machine. */
export interface Workbench {
  directory: string;
  /** A file's path in the directory. */
  path(name: string): string;
  run(
    program: string,
    args: readonly string[],
    options?: { input?: Buffer; secret?: string },
  ): Promise<ToolRun>;
  remove(): Promise<void>;
}

export async function makeWorkbench(): Promise<Workbench> {
  const directory = await mkdtemp(join(tmpdir(), 'embedded-s3-tools-'));
  const config = join(directory, '.aws-config');
  // The first version of the command line presigns with signature version 2 unless it is told not to.
  await writeFile(config, '[default]\ns3 =\n  signature_version = s3v4\n');
  return {
    directory,
    path: (name) => join(directory, name),
    run: (program, args, { input, secret = CREDENTIALS.secretAccessKey } = {}) =>
      new Promise((resolve, reject) => {
        const env = {
          PATH: process.env.PATH,
          HOME: directory,
          LC_ALL: 'C.UTF-8',
          AWS_CONFIG_FILE: config,
          AWS_SHARED_CREDENTIALS_FILE: join(directory, '.aws-credentials'),
          AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: secret,
          AWS_DEFAULT_REGION: REGION,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_MAX_ATTEMPTS: '1',
          AWS_PAGER: '',
          NO_PROXY: '*',
        };
        const child = spawn(program, args, { cwd: directory, env, stdio: 'pipe' });
        const stdout: Buffer[] = [];
        let stderr = '';
        child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
        child.stderr.on('data', (chunk: Buffer) => {
          stderr += chunk.toString();
        });
        child.on('error', reject);
        child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
        // A program that refuses its arguments reads no input.
        child.stdin.on('error', () => undefined);
        child.stdin.end(input ?? Buffer.alloc(0));
      }),
    remove: () => rm(directory, { recursive: true }),
  };
}
