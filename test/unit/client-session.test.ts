import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { SheafClient } from '../../src/client/client.ts';
import type { Tokens } from '../../src/client/session.ts';
import { gate } from '../support/gate.ts';
import { refusal } from '../support/refusal.ts';

/** Who has signed in stays so: tokens are exchanged by themselves, once each, and never by a guess. */

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const problem = (code: string) => JSON.stringify({ code, detail: 'of the test' });

/** An API that knows one session: its tokens are numbered, and only the newest are taken. */
class Api {
  /** The number of the tokens that are valid. */
  newest = 0;
  readonly asked: string[] = [];
  /** Called before a refresh is answered. */
  onRefresh: (response: ServerResponse) => Promise<boolean> = async () => false;
  over = false;
  url = '';

  static async start(): Promise<Api> {
    const api = new Api();
    const server = createServer((request, response) => void api.#serve(request, response));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return api;
  }

  /** The tokens that there are expire. */
  expire(): void {
    this.newest += 1;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method, url, headers } = request;
    const { authorization } = headers;
    this.asked.push(`${method} ${url} ${authorization ?? '-'}${body === '' ? '' : ` ${body}`}`);
    const answer = (status: number, content = '{}') =>
      response
        .writeHead(status, { 'content-type': `application/${status < 400 ? '' : 'problem+'}json` })
        .end(status === 204 ? undefined : content);
    if (url === '/auth/token') return void answer(200, this.#tokens());
    if (url === '/auth/refresh') {
      if (await this.onRefresh(response)) return;
      const { refresh_token } = JSON.parse(body) as { refresh_token: string };
      // Each is taken once: the one that goes with the tokens before the newest.
      if (this.over || refresh_token !== `r${this.newest - 1}`) {
        this.over = true;
        return void answer(401, problem('refresh_token_invalid'));
      }
      return void answer(200, this.#tokens());
    }
    if (this.over || authorization !== `Bearer t${this.newest}`) {
      return void answer(401, problem('unauthenticated'));
    }
    answer(url === '/auth/sign-out' ? 204 : 200);
  }

  #tokens(): string {
    return JSON.stringify({ token: `t${this.newest}`, refresh_token: `r${this.newest}` });
  }
}

const QUICK = { attempts: 3, firstDelayMs: 1 };
const ADA = { username: 'ada', password: 'correct horse battery' };

async function signedIn() {
  const api = await Api.start();
  const told: (Tokens | null)[] = [];
  const onTokens = (tokens: Tokens | null) => void told.push(tokens);
  const client = new SheafClient({ baseUrl: api.url, retries: QUICK, onTokens });
  await client.signIn(ADA);
  api.asked.length = 0;
  return { api, client, told };
}

describe('signing in', () => {
  test('everything is sent with the token from then on, in the place of the key', async () => {
    const api = await Api.start();
    const told: unknown[] = [];
    const onTokens = (tokens: Tokens | null) => void told.push(tokens);
    const client = new SheafClient({ baseUrl: api.url, apiKey: 'a key', onTokens });
    await client.signIn({ ...ADA, account: 'acme' });
    await client.me();
    expect(api.asked).toEqual([
      'POST /auth/token - {"username":"ada","password":"correct horse battery","account":"acme"}',
      'GET /me Bearer t0',
    ]);
    expect(told).toEqual([{ token: 't0', refreshToken: 'r0' }]);
  });

  test('without a key nothing is said of who calls', async () => {
    const api = await Api.start();
    const client = new SheafClient({ baseUrl: api.url, retries: QUICK });
    expect(await refusal(client.me())).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(api.asked).toEqual(['GET /me -']);
  });

  test('a session goes on in another process with what onTokens was told', async () => {
    const { api, told } = await signedIn();
    api.expire();
    const kept: (Tokens | null)[] = [];
    const client = new SheafClient({
      baseUrl: api.url,
      tokens: told.at(-1)!,
      onTokens: (tokens) => void kept.push(tokens),
    });
    await client.me();
    expect(kept).toEqual([{ token: 't1', refreshToken: 'r1' }]);
  });
});

describe('a token that has expired', () => {
  test.each<[string, (client: SheafClient) => Promise<unknown>]>([
    ['GET', (client) => client.me()],
    ['POST', (client) => client.users.create({ username: 'bob', password: 'x'.repeat(12), role: 'viewer' })],
    ['PATCH', (client) => client.users.change('u', { disabled: true })],
    ['DELETE', (client) => client.users.remove('u')],
  ])('is exchanged, and the %s is sent once more', async (method, call) => {
    const { api, client, told } = await signedIn();
    api.expire();
    await call(client);
    expect(api.asked.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      expect.stringMatching(new RegExp(`^${method} /\\w+(/u)? Bearer t0`)),
      expect.stringMatching(/^POST \/auth\/refresh -/),
      expect.stringMatching(new RegExp(`^${method} /\\w+(/u)? Bearer t1`)),
    ]);
    expect(told.at(-1)).toEqual({ token: 't1', refreshToken: 'r1' });
  });

  test('is exchanged once, however many requests find it expired', async () => {
    const { api, client } = await signedIn();
    api.expire();
    const { wait, arrived, open } = gate();
    api.onRefresh = async () => {
      await wait();
      return false;
    };
    const calls = Promise.all(Array.from({ length: 20 }, () => client.me()));
    await arrived;
    // One that comes while the exchange is under way waits for it too.
    const late = client.me();
    open();
    await Promise.all([calls, late]);
    expect(api.asked.filter((line) => line.includes('/auth/refresh'))).toHaveLength(1);
    expect(api.over).toBe(false);
  });

  test('and the next one is not taken either: that is told, and not tried for ever', async () => {
    const { api, client } = await signedIn();
    api.expire();
    api.onRefresh = async (response) => {
      response.end(JSON.stringify({ token: 'none', refresh_token: 'r1' }));
      return true;
    };
    expect(await refusal(client.me())).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(api.asked).toHaveLength(3);
  });

  test('whoever has enough stops waiting, and the others get the next token', async () => {
    const { api, client } = await signedIn();
    api.expire();
    const { wait, arrived, open } = gate();
    api.onRefresh = async () => {
      await wait();
      return false;
    };
    const stop = new AbortController();
    const stopped = client.me(stop.signal);
    const other = client.me();
    await arrived;
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    open();
    await other;
    expect(api.asked.filter((line) => line.includes('/auth/refresh'))).toHaveLength(1);
  });

  test('is kept by onTokens before anything is sent with the next one', async () => {
    const api = await Api.start();
    const order: string[] = [];
    const client = new SheafClient({
      baseUrl: api.url,
      onTokens: async (tokens) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`kept ${tokens?.token}, after ${api.asked.length} requests`);
      },
    });
    await client.signIn(ADA);
    api.expire();
    await client.me();
    expect(order).toEqual(['kept t0, after 1 requests', 'kept t1, after 3 requests']);
    expect(api.asked).toHaveLength(4);
  });
});

describe('a refresh', () => {
  test('without an answer is not sent again by itself, since the token may be used up', async () => {
    const { api, client, told } = await signedIn();
    api.expire();
    let broken = 0;
    api.onRefresh = async (response) => {
      broken += 1;
      response.destroy();
      return true;
    };
    expect(await refusal(client.me())).toMatchObject({ status: 0, code: 'refresh_unanswered' });
    expect(broken).toBe(1);
    expect(told).toHaveLength(1);

    // The next request may try: should it have been carried out, signing in is all that is left anyway.
    api.onRefresh = async () => false;
    await client.me();
    expect(told.at(-1)).toEqual({ token: 't1', refreshToken: 'r1' });
  });

  test.each([500, 503])('that is answered with %i is not sent again by itself either', async (status) => {
    const { api, client } = await signedIn();
    api.expire();
    api.onRefresh = async (response) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(problem('unavailable'));
      return true;
    };
    expect(await refusal(client.me())).toMatchObject({ code: 'refresh_unanswered' });
    expect(api.asked).toHaveLength(2);
  });

  test('that found nobody to connect to is tried again with the GET that needs it', async () => {
    const { api, told } = await signedIn();
    api.expire();
    let refused = 0;
    const nobody = (await Api.start()).url;
    await new Promise((resolve) => servers.pop()!.close(resolve));
    const client = new SheafClient({
      baseUrl: api.url,
      retries: QUICK,
      tokens: told.at(-1)!,
      fetch: async (input, init) => {
        if (String(input).endsWith('/auth/refresh') && refused++ === 0) {
          return await fetch(nobody);
        }
        return await fetch(input, init);
      },
    });
    await client.me();
    expect(refused).toBe(2);
  });

  test('of a session that is over: told as that, and nothing is sent with its tokens any more', async () => {
    const { api, client, told } = await signedIn();
    api.over = true;
    expect(await refusal(client.me())).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
    expect(told.at(-1)).toBeNull();
    expect(await refusal(client.me())).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(api.asked.at(-1)).toBe('GET /me -');
  });
});

describe('signing out', () => {
  test('ends the session, and forgets the tokens', async () => {
    const { api, client, told } = await signedIn();
    await client.signOut();
    expect(api.asked).toEqual(['POST /auth/sign-out Bearer t0']);
    expect(told.at(-1)).toBeNull();
    await client.signOut();
    expect(api.asked).toHaveLength(1);
  });

  test('also with a token that has expired, and of a session that is over', async () => {
    const { api, client } = await signedIn();
    api.expire();
    await client.signOut();
    expect(api.asked.at(-1)).toBe('POST /auth/sign-out Bearer t1');

    const other = await signedIn();
    other.api.over = true;
    await other.client.signOut();
    expect(other.told.filter((tokens) => tokens === null)).toHaveLength(1);
  });

  test('keeps the tokens when nobody answers, so that it can be said again', async () => {
    const { api, client, told } = await signedIn();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    expect(await refusal(client.signOut())).toMatchObject({ code: 'unreachable' });
    expect(told).toHaveLength(1);
    expect(api.over).toBe(false);
  });
});
