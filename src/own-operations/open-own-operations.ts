import { HttpClient } from '../adapters/http-client/client.ts';
import { type Config, type Environment, secretsOf } from '../config.ts';
import type { Operation } from '../core/operation.ts';
import { BUILT_IN_OPERATIONS } from '../operations/built-in.ts';
import { readHttpOperation } from '../operations/http/read-operation.ts';
import { loadOperations } from './load-operations.ts';

/** The operations that are not built in, and what they send requests with. */
export interface OwnOperations {
  operations: readonly Operation[];
  /** Ends the connections that are open; whatever is under way fails. */
  close(): Promise<void>;
}

/** @throws {Error} as `loadOperations` */
export async function openOwnOperations(config: Config, env: Environment): Promise<OwnOperations> {
  const client = new HttpClient();
  const parts = { send: client.send, secret: secretsOf(env) };
  const operations = await loadOperations(config.SHEAF_OPERATIONS ?? [], {
    folder: process.cwd(),
    builtIn: BUILT_IN_OPERATIONS,
    fromYaml: (text) => readHttpOperation(text, parts),
  });
  return { operations, close: () => client.close() };
}
