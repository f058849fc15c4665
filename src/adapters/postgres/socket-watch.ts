import { Socket } from 'node:net';

/** Where postgres.js wants to go, as it tells whoever makes its sockets. */
export interface Destination {
  host: string[];
  port: number[];
  path?: string | false | undefined;
}

/** As postgres.js marks the sockets that it makes itself: TLS is told the name of the host. */
type Named = Socket & { host?: string; port?: number };

/** What every answer ends with: ReadyForQuery, and after it one byte more. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
const READY_BYTES = READY.length + 1;

/** The one byte with which a server answers that it goes on under TLS. */
const UNDER_TLS = 'S'.charCodeAt(0);

/** How often counters are looked at within the time that a server may be silent. */
const LOOKS = 4;

/** Tells when something is sent. Not by `write`, which Node puts back when the socket is connected. */
class WatchedSocket extends Socket {
  sending: () => void = () => undefined;

  override _write(chunk: unknown, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.sending();
    super._write(chunk, encoding, done);
  }

  override _writev(chunks: Pending[], done: (error?: Error | null) => void): void {
    this.sending();
    super._writev?.(chunks, done);
  }
}

type Pending = { chunk: unknown; encoding: BufferEncoding };

/**
 * The sockets of one pool, and which of them wait for an answer. A server that has gone without a word (its machine
 * lost, the way to it cut, something between that keeps the connection) never gives one, and TCP gives up after a quarter
 * of an hour: until then whatever waits on such a connection would hang.
 */
export class SocketWatch {
  readonly #silenceMs: number | undefined;
  readonly #open = new Set<Socket>();
  readonly #waiting = new Set<Socket>();
  #opened = 0;

  /** @param silenceMs after how long a server that owes an answer and says nothing is taken to be gone; left out: never */
  constructor(silenceMs?: number) {
    this.#silenceMs = silenceMs;
  }

  /**
   * A socket on its way to the server. It is not waited for: postgres.js (3.4.9) never again uses a connection whose
   * socket could not be made, and notices by itself when this one fails.
   */
  open({ host, port, path }: Destination): Socket {
    const socket: Named = this.watched();
    // Where several are named, one after the other, as it goes about it itself.
    const place = this.#opened++ % port.length;
    const name = host[place] ?? 'localhost';
    socket.host = name;
    socket.port = port[place] ?? 0;
    // A statement of several pieces waits for nothing: without it the second waits for the first to be acknowledged.
    socket.setNoDelay(true);
    if (path) socket.connect(path);
    else socket.connect(socket.port, name);
    return socket;
  }

  /** A socket that somebody else connects. */
  watched(): Socket {
    const socket = new WatchedSocket();
    this.#open.add(socket);
    this.#readAnswers(socket);
    return socket;
  }

  /** Ends the connections that wait for an answer: whatever is waited for there fails. */
  breakOff(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  /** Those on which nobody waits went the same way: whoever came to use one would find it as silent. */
  #giveUp(silent: Socket): void {
    silent.destroy();
    for (const socket of this.#open) if (!this.#waiting.has(socket)) socket.destroy();
  }

  /** From what is sent until the end of its answer; each piece of one is a sign of life. */
  #readAnswers(socket: WatchedSocket): void {
    let end: Buffer = Buffer.alloc(0);
    let timer: NodeJS.Timeout | undefined;
    let tls = false;
    const late = () => {
      // After a pause of this process itself (suspended, busy), what has come meanwhile is read before it is judged.
      const read = socket.bytesRead;
      setImmediate(() => {
        if (this.#waiting.has(socket) && socket.bytesRead === read) this.#giveUp(socket);
      });
    };
    const wait = () => {
      this.#waiting.add(socket);
      clearTimeout(timer);
      if (this.#silenceMs !== undefined) timer = setTimeout(late, this.#silenceMs).unref();
    };
    const rest = () => {
      this.#waiting.delete(socket);
      clearTimeout(timer);
    };
    socket.sending = () => {
      if (!tls && !this.#waiting.has(socket)) wait();
    };
    socket.on('data', (data: Buffer) => {
      if (tls) return;
      tls = end.length === 0 && data.length === 1 && data[0] === UNDER_TLS;
      if (tls) {
        rest();
        this.#countBytes(socket);
        return;
      }
      end = Buffer.concat([end, data.subarray(-READY_BYTES)]).subarray(-READY_BYTES);
      if (end.subarray(0, READY.length).equals(READY)) rest();
      else if (this.#waiting.has(socket)) wait();
    });
    socket.on('close', () => {
      rest();
      this.#open.delete(socket);
    });
  }

  /**
   * Under TLS nobody sees what passes, and the drivers take the listeners away: but how much passes can be told. An
   * answer that breaks off in the middle is taken for a whole one.
   */
  #countBytes(socket: Socket): void {
    const everyMs = (this.#silenceMs ?? 60_000) / LOOKS;
    let before = { read: 0, written: 0 };
    let silentLooks = 0;
    const look = setInterval(() => {
      const now = { read: socket.bytesRead, written: socket.bytesWritten };
      if (now.read !== before.read) this.#waiting.delete(socket);
      else if (now.written !== before.written) this.#waiting.add(socket);
      silentLooks = this.#waiting.has(socket) && now.read === before.read ? silentLooks + 1 : 0;
      before = now;
      if (this.#silenceMs !== undefined && silentLooks > LOOKS) this.#giveUp(socket);
      if (!socket.destroyed) return;
      clearInterval(look);
      this.#waiting.delete(socket);
      this.#open.delete(socket);
    }, everyMs).unref();
  }
}
