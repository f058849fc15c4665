import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * PostgreSQL writes its log straight to a file. Not to a pipe: a pipe that nobody empties (a busy event loop)
 * stops the server, and one whose reader was killed loses the lines that explain what came next.
 */
export interface ServerLog {
  path: string;
  /** To be given to the server as stdout and stderr. */
  fd: number;
  /** Adds a line of our own. */
  note(line: string): Promise<void>;
  /** The position now, for `since`. */
  position(): Promise<number>;
  /** What was written after a position: its last lines. */
  since(position: number, lines?: number): Promise<string>;
  /** Calls back for every line that was added since the log was opened, until it is closed. */
  follow(onLine: (line: string) => void): void;
  /** Hands out the last lines and closes the file. */
  close(): Promise<void>;
}

const ROTATE_AT = 16 * 1024 * 1024;
const POLL_MS = 200;
const READ_AT_MOST = 64 * 1024;

/** Opens the log for adding. A large one is put aside as `<path>.1` first, so that two are kept at most. */
export async function openServerLog(path: string): Promise<ServerLog> {
  await putAsideIfLarge(path);
  const handle = await open(path, 'a+', 0o600);
  const position = async () => (await handle.stat()).size;
  const start = await position();
  let follower: Follower | undefined;
  return {
    path,
    fd: handle.fd,
    position,
    note: async (line) => {
      await handle.appendFile(`sheaf: ${line}\n`);
    },
    since: async (from, lines = 20) => {
      const end = await position();
      const text = await readRange(handle, Math.max(from, end - READ_AT_MOST), end);
      return text.toString('utf8').trim().split('\n').slice(-lines).join('\n');
    },
    follow: (onLine) => {
      follower ??= startFollowing(handle, start, onLine);
    },
    close: async () => {
      try {
        await follower?.stop();
      } finally {
        await handle.close();
      }
    },
  };
}

interface Follower {
  stop(): Promise<void>;
}

function startFollowing(handle: FileHandle, start: number, onLine: (line: string) => void): Follower {
  const decoder = new StringDecoder('utf8');
  const stopping = new AbortController();
  let from = start;
  let rest = '';
  const readOn = async () => {
    for (;;) {
      const piece = await readRange(handle, from, from + READ_AT_MOST);
      if (piece.length === 0) return;
      from += piece.length;
      const lines = (rest + decoder.write(piece)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    }
  };
  const following = (async () => {
    while (!stopping.signal.aborted) {
      await readOn();
      await Promise.allSettled([delay(POLL_MS, undefined, { ref: false, signal: stopping.signal })]);
    }
    await readOn();
    if (rest !== '') onLine(rest);
  })();
  // A failure, of onLine for instance, comes out of stop(), and is not an unhandled one before that.
  void Promise.allSettled([following]);
  return {
    stop: () => {
      stopping.abort();
      return following;
    },
  };
}

async function readRange(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, to - from));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}

async function putAsideIfLarge(path: string): Promise<void> {
  try {
    if ((await stat(path)).size > ROTATE_AT) await rename(path, `${path}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
