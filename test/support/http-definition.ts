import type { HttpAnswer, HttpRequest } from '../../src/core/http.ts';
import type { OutsideContext, OutsideOperation } from '../../src/core/operation.ts';
import type { RecordResult } from '../../src/core/result.ts';
import { httpOperation } from '../../src/operations/http/operation.ts';

export const SECRETS: Record<string, string> = {
  TOKEN: 'tok-Äb/c+9 42:secret',
  OTHER: 'another+secret/value==',
};

/** A definition to change parts of. */
export function definition(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'create_contact',
    version: 1,
    title: 'Create contacts',
    description: 'Creates a contact in the CRM.',
    input: {
      type: 'object',
      properties: {
        id: { type: 'string' },
        email: { type: 'string' },
        age: { type: 'integer' },
        score: { type: 'number' },
        active: { type: 'boolean' },
        address: { type: 'object', properties: { city: { type: 'string' } } },
      },
    },
    output: { type: 'object', properties: {} },
    secrets: ['TOKEN', 'OTHER'],
    request: { method: 'POST', url: 'https://crm.example/contacts' },
    ...changes,
  };
}

export interface Run {
  result: RecordResult<unknown>;
  /** What was sent, if anything was. */
  request: HttpRequest | undefined;
}

export function contextFor(key = 'key-1', signal = new AbortController().signal): OutsideContext<unknown> {
  const silent = () => undefined;
  return {
    accountId: 'account',
    user: 'user',
    batchId: null,
    settings: {},
    idempotencyKey: () => key,
    signal,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    attempt: () => 1,
  };
}

export function answerOf(
  status: number,
  body: unknown = '',
  headers: Record<string, string> = { 'content-length': '1' },
): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, body: Buffer.from(text) };
}

/** One record through an operation, whose server answers so. */
export async function run(
  changes: Record<string, unknown>,
  input: object = {},
  answer: HttpAnswer | Error = answerOf(200),
): Promise<Run> {
  return await runner(changes)(input, answer);
}

/** For many records. */
export function runner(changes: Record<string, unknown>) {
  let given: HttpAnswer | Error = answerOf(200);
  let request: HttpRequest | undefined;
  const operation = operationOf(changes, async (sent) => {
    request = sent;
    if (given instanceof Error) throw given;
    return given;
  });
  return async (input: object, answer: HttpAnswer | Error = answerOf(200)): Promise<Run> => {
    given = answer;
    request = undefined;
    const [result] = await operation.run([{ number: 1, input }], contextFor());
    return { result: result!, request };
  };
}

export function operationOf(
  changes: Record<string, unknown> = {},
  send: (request: HttpRequest) => Promise<HttpAnswer> = async () => answerOf(200),
): OutsideOperation {
  return httpOperation(definition(changes), { send, secret: (name) => SECRETS[name] });
}
