import {
  request as ask,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';

/** What a store does with a request in place of answering it. */
export type Trouble =
  /** Answers an error, as S3 does. */
  | { answer: 500 | 503; code: string }
  /** Says that it gives all, and closes in the middle. */
  | { cutShort: true }
  /** Gives less than there is, and says so. */
  | { truncated: true }
  /** Gives as much as there is, but not the same. */
  | { damaged: true };

/** Which requests, and what befalls them; `null`: nothing. */
export type Rule = (request: { method: string; path: string }) => Trouble | null;

/** A way to an S3 server on which requests come to grief. */
export interface S3Trouble {
  port: number;
  rule: Rule;
  /** How many requests something has befallen since it was last set to 0. */
  befallen: number;
  close(): Promise<void>;
}

const NONE: Rule = () => null;

export async function startS3Trouble(endpoint: string): Promise<S3Trouble> {
  const { hostname, port } = new URL(endpoint);
  const trouble: S3Trouble = {
    port: 0,
    rule: NONE,
    befallen: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const server: Server = createServer((from, to) => {
    const found = trouble.rule({ method: from.method ?? '', path: from.url ?? '' });
    if (found !== null) trouble.befallen += 1;
    if (found !== null && 'answer' in found) refuse(from, to, found);
    else pass(from, to, { hostname, port: Number(port) }, found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  trouble.port = (server.address() as { port: number }).port;
  return trouble;
}

function refuse(
  from: IncomingMessage,
  to: ServerResponse,
  { answer, code }: { answer: number; code: string },
) {
  from.resume();
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  to.writeHead(answer, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  to.end(from.method === 'HEAD' ? undefined : body);
}

function pass(
  from: IncomingMessage,
  to: ServerResponse,
  server: { hostname: string; port: number },
  trouble: Trouble | null,
): void {
  // With its Host, which is signed.
  const forward = ask({ ...server, method: from.method, path: from.url, headers: from.headers }, (answer) => {
    const pieces: Buffer[] = [];
    answer.on('data', (piece: Buffer) => pieces.push(piece));
    answer.on('error', () => to.destroy());
    answer.on('end', () => give(to, answer, Buffer.concat(pieces), trouble));
  });
  forward.on('error', () => to.destroy());
  to.on('close', () => forward.destroy());
  from.pipe(forward);
}

function give(to: ServerResponse, answer: IncomingMessage, body: Buffer, trouble: Trouble | null): void {
  const headers = { ...answer.headers };
  const half = body.subarray(0, body.length >> 1);
  if (trouble !== null && 'truncated' in trouble) {
    to.writeHead(answer.statusCode ?? 500, { ...headers, 'content-length': String(half.length) }).end(half);
    return;
  }
  to.writeHead(answer.statusCode ?? 500, headers);
  if (trouble !== null && 'cutShort' in trouble) to.write(half, () => to.destroy());
  else to.end(trouble !== null && 'damaged' in trouble ? damaged(body) : body);
}

/** One letter is another. */
function damaged(body: Buffer): Buffer {
  const other = Buffer.from(body);
  const place = other.lastIndexOf('e');
  if (place >= 0) other[place] = 'i'.charCodeAt(0);
  return other;
}
