/** What the launcher relies on; whoever asks for another value gets an error and not a server that misbehaves. */
const FIXED = new Set([
  'data_directory',
  'listen_addresses',
  'log_destination',
  'logging_collector',
  'port',
  'unix_socket_directories',
]);

const DEFAULTS: Record<string, string> = {
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  fsync: 'on',
  // Times of sessions and log do not depend on where the cluster was made.
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // The startup wait and its errors read the log.
  lc_messages: 'C',
  ssl: 'off',
};

/**
 * The server's arguments. Settings are arguments and not a file: nothing is left over from the start before.
 *
 * @throws RangeError for a setting that is the launcher's own, or no setting's name.
 */
export function serverArguments(
  cluster: string,
  port: number,
  settings: Record<string, string> = {},
): string[] {
  for (const name of Object.keys(settings)) {
    if (!/^[a-z_][a-z0-9_.]*$/.test(name)) throw new RangeError(`not a PostgreSQL setting: ${name}`);
    if (FIXED.has(name)) throw new RangeError(`${name} is set by the launcher of the embedded PostgreSQL`);
  }
  const all = {
    ...DEFAULTS,
    ...settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // A path for a socket may be at most 107 bytes long, and nobody needs one.
    unix_socket_directories: '',
    log_destination: 'stderr',
    logging_collector: 'off',
  };
  return ['-D', cluster, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
