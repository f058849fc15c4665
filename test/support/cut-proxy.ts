import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Which way something goes: what clients send, or what the server answers. */
export type Way = 'requests' | 'answers';

/** A way to a server that a test can cut, as when the server or the network is away. */
export interface CutProxy {
  port: number;
  /** Ends all connections, and refuses new ones. */
  cut(): Promise<void>;
  /** Connections stay and new ones are taken, but nothing comes through any more; or nothing that goes this way. */
  hang(way?: Way): void;
  /**
   * Nothing comes through any more on the connections that there are, nor that an end has closed one: each end is left
   * with half of it, as when the other's machine is gone. New ones are taken.
   */
  strand(): void;
  /** Resets all connections that there are; new ones are taken. */
  reset(): void;
  /** Whatever goes through takes longer. */
  slow(how: Slowness): void;
  /**
   * Resets connections in the middle: the next so many on which more bytes than this go the way.
   * @returns how many were so far
   */
  breakAfter(bytes: number, way: Way, connections?: number): () => number;
  /** Lets everything through again; what hung is reset. */
  mend(): Promise<void>;
  /** Goes to another port of the server from now on. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

export interface Slowness {
  /** Each piece waits so long, one after the other. */
  delayMs?: number;
  /** Of each connection, each way. */
  bytesPerSecond?: number;
}

interface Breaking {
  bytes: number;
  way: Way;
  left: number;
  done: number;
}

/** One connection to the server, and the client's own that it stands for. */
interface Pair {
  client: Socket;
  server: Socket;
  passed: Record<Way, number>;
  stranded: boolean;
}

export async function startCutProxy(to: { host: string; port: number }): Promise<CutProxy> {
  const traffic = new Traffic();
  let target = to.port;
  let server: Server | undefined;
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server = createServer((client) => traffic.carry(client, dial(target, to.host))).once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server!.address() as { port: number }).port));
    });
  const stop = async () => {
    const stopped = new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
    traffic.end();
    await stopped;
    server = undefined;
  };

  const port = await listen(0);
  return {
    port,
    cut: stop,
    hang: (way) => traffic.hang(way),
    strand: () => traffic.strand(),
    reset: () => traffic.reset(),
    slow: (how) => traffic.slow(how),
    breakAfter: (...which) => traffic.breakAfter(...which),
    async mend() {
      traffic.mend();
      if (server === undefined) await listen(port);
    },
    leadTo: (other) => {
      target = other;
    },
    close: stop,
  };
}

/** All connections that are there, and what befalls them. */
class Traffic {
  readonly #pairs = new Set<Pair>();
  readonly #hanging = new Set<Way>();
  #slowness: Slowness = {};
  #breaking: Breaking | undefined;

  carry(client: Socket, server: Socket): void {
    const pair: Pair = { client, server, passed: { requests: 0, answers: 0 }, stranded: false };
    this.#pairs.add(pair);
    void this.#pass(pair, 'requests');
    void this.#pass(pair, 'answers');
  }

  hang(way?: Way): void {
    for (const one of way === undefined ? (['requests', 'answers'] as const) : [way]) this.#hanging.add(one);
  }

  strand(): void {
    for (const pair of this.#pairs) pair.stranded = true;
  }

  slow(how: Slowness): void {
    this.#slowness = how;
  }

  breakAfter(bytes: number, way: Way, connections = 1): () => number {
    // Counted from now on, also on connections that were there before.
    for (const { passed } of this.#pairs) passed[way] = 0;
    const set = { bytes, way, left: connections, done: 0 };
    this.#breaking = set;
    return () => set.done;
  }

  mend(): void {
    // What was held back while it hung is lost, as with a connection that was cut.
    if (this.#hanging.size > 0) this.reset();
    this.#hanging.clear();
    this.#slowness = {};
    this.#breaking = undefined;
  }

  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  end(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  async #pass(pair: Pair, way: Way): Promise<void> {
    const [from, into] = way === 'requests' ? [pair.client, pair.server] : [pair.server, pair.client];
    from.on('error', () => undefined);
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (this.#hanging.has(way) || pair.stranded) continue;
        const ms = waitFor(piece, this.#slowness);
        if (ms > 0) await sleep(ms);
        if (this.#breaks(pair, way, piece)) return;
        // Called with the error, too, when the other end is gone.
        await new Promise<void>((resolve) => into.write(piece, () => resolve()));
      }
    } catch {
      // Cut: so is the other half.
    }
    if (pair.stranded) return;
    this.#pairs.delete(pair);
    into.destroy();
  }

  #breaks(pair: Pair, way: Way, piece: Buffer): boolean {
    const breaking = this.#breaking;
    pair.passed[way] += piece.length;
    if (breaking === undefined || breaking.way !== way || breaking.left === 0) return false;
    if (pair.passed[way] <= breaking.bytes) return false;
    breaking.left -= 1;
    breaking.done += 1;
    const into = way === 'requests' ? pair.server : pair.client;
    // What came before is there by then; of this piece there is half.
    into.write(piece.subarray(0, piece.length >> 1), () => {
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    });
    return true;
  }
}

function waitFor(piece: Buffer, { delayMs = 0, bytesPerSecond }: Slowness): number {
  return delayMs + (bytesPerSecond === undefined ? 0 : (piece.length / bytesPerSecond) * 1000);
}
