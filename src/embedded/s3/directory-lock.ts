import { createHash } from 'node:crypto';
import { realpath, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Holds a directory for one server: two would sweep each other's uploads away. The lock is a listening local
 * socket, because the system takes it back when the process dies, however it dies, and a file with a process id
 * would have to be guessed about. On Linux its name is abstract, elsewhere a file in the temporary directory.
 * @throws Error when another server has the directory
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const id = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex')
    .slice(0, 32);
  const abstract = process.platform === 'linux';
  const path = abstract ? `\0sheaf-s3-${id}` : join(tmpdir(), `sheaf-s3-${id}`);
  let server = await listen(path);
  if (!server && !abstract && !(await isAlive(path))) {
    await unlink(path);
    server = await listen(path);
  }
  if (!server) throw new Error(`another S3 server is running on ${directory}`);
  const held = server;
  return () => new Promise((resolve, reject) => held.close((error) => (error ? reject(error) : resolve())));
}

/** Undefined when the name is taken. */
async function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server.unref()));
  });
}

async function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
