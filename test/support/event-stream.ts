import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** An event as an `EventSource` would hand it on; comments and `retry` are kept beside them. */
export interface StreamEvent {
  id?: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for.
  data: any;
}

export interface EventReader {
  status: number;
  headers: IncomingMessage['headers'];
  /** All of the answer, where it is no stream. */
  body(): Promise<string>;
  comments: string[];
  retry: string | undefined;
  /** The next event; `null` when the server has ended the stream. */
  next(): Promise<StreamEvent | null>;
  /** The events until one fits, that one included. @throws {Error} when the stream ends before */
  until(fits: (event: StreamEvent) => boolean): Promise<StreamEvent[]>;
  /** All that is still to come. */
  rest(): Promise<StreamEvent[]>;
  /** Goes away, as a client does that is closed. */
  leave(): void;
}

/** Follows a batch over HTTP, on a connection of its own. */
export async function readEvents(url: string, headers: Record<string, string>): Promise<EventReader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on('error', reject);
  });
  const blocks = blocksOf(response);
  const reader: EventReader = {
    status: response.statusCode!,
    headers: response.headers,
    body: () => text(response),
    comments: [],
    retry: undefined,
    async next() {
      for (;;) {
        const { value, done } = await blocks.next();
        if (done) return null;
        const event = parsed(value, reader);
        if (event !== null) return event;
      }
    },
    async until(fits) {
      const events: StreamEvent[] = [];
      for (;;) {
        const event = await reader.next();
        if (event === null) throw new Error(`the stream has ended after ${JSON.stringify(events)}`);
        events.push(event);
        if (fits(event)) return events;
      }
    },
    async rest() {
      const events: StreamEvent[] = [];
      for (let event = await reader.next(); event !== null; event = await reader.next()) events.push(event);
      return events;
    },
    leave: () => response.destroy(),
  };
  return reader;
}

/** What stands between blank lines. */
async function* blocksOf(response: IncomingMessage): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const bytes of response) {
    rest += decoder.decode(bytes, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop()!;
    yield* blocks;
  }
  if (rest !== '') throw new Error(`the stream ends in the middle of ${JSON.stringify(rest)}`);
}

function parsed(block: string, reader: EventReader): StreamEvent | null {
  const event: Partial<StreamEvent> = {};
  for (const line of block.split('\n')) {
    const [, field, value] = /^(\w*): (.*)$/.exec(line) ?? [];
    if (field === '') reader.comments.push(value!);
    else if (field === 'retry') reader.retry = value;
    else if (field === 'data') event.data = JSON.parse(value!);
    else if (field === 'id' || field === 'event') event[field] = value!;
    else throw new Error(`not a line of an event: ${JSON.stringify(line)}`);
  }
  return event.data === undefined ? null : (event as StreamEvent);
}

export const named = (name: string) => (event: StreamEvent) => event.event === name;

/** The statuses that some events tell of, in order. */
export const statusesIn = (events: readonly StreamEvent[]): string[] =>
  events.filter(named('status')).map(({ data }) => data.status);
