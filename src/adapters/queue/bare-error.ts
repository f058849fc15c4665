/**
 * An error as it can be logged. `pg` hangs its whole client on those of a connection that broke: ten kilobytes, and in
 * them the key with which anybody could cancel what that session does.
 */
export function bareError(error: Error & { code?: unknown }): Error {
  const { name, message, stack, code, cause } = error;
  const bare = new Error(message, cause instanceof Error ? { cause: bareError(cause) } : {});
  return Object.assign(bare, { name, stack, ...(code !== undefined && { code }) });
}
