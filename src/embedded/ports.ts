import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { replaceFile } from './data-directory.ts';

/**
 * Kept apart from services.json, because that file goes when the services stop and the ports must outlive them:
 * an S3 address is baked into presigned URLs, a database port into a terminal's history.
 */
const FILE = 'ports.json';

/**
 * A TCP port on 127.0.0.1 that is free now: the preferred one if it can be had, else any.
 * Nothing holds it for the caller: who listens on it must be ready to find it taken.
 *
 * @throws RangeError when `preferred` is not a port number.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred) {
    const port = await tryPort(preferred);
    if (port !== undefined) return port;
  }
  const port = await tryPort(0);
  if (port === undefined) throw new Error('no free TCP port on 127.0.0.1');
  return port;
}

/** The ports that embedded services had at their last start, by service; empty before the first. */
export async function rememberedPorts(directory: string): Promise<Record<string, number>> {
  const path = join(directory, FILE);
  let ports: unknown;
  try {
    ports = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(`${path} cannot be read: remove it, and new ports are chosen`, { cause: error });
  }
  if (!isPortTable(ports)) {
    throw new Error(`${path} is not a table of service names and ports: remove it, and new ports are chosen`);
  }
  return ports;
}

/** Keeps ports for the next start; services that are not named keep theirs. */
export async function rememberPorts(directory: string, ports: Record<string, number>): Promise<void> {
  const all = { ...(await rememberedPorts(directory)), ...ports };
  await replaceFile(join(directory, FILE), `${JSON.stringify(all, null, 2)}\n`);
}

function isPortTable(value: unknown): value is Record<string, number> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((port) => Number.isInteger(port) && port > 0 && port < 65_536);
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
    });
  });
}
