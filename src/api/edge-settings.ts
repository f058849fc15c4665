import type { Config } from '../config.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** How the API meets the network. */
export interface EdgeSettings {
  /** Whose `X-Forwarded-…` and `X-Request-Id` are believed. */
  trustProxy: TrustedProxies;
  /** Whose pages may call: none when it is empty, any with `*`. */
  corsOrigins: readonly string[];
  /** Other limits of connections than those that they have (connection-limits.ts). */
  connections: Partial<ConnectionLimits>;
}

export function edgeSettings(
  config: Pick<Config, 'SHEAF_TRUST_PROXY' | 'SHEAF_CORS_ORIGINS'>,
): Partial<EdgeSettings> {
  return { trustProxy: config.SHEAF_TRUST_PROXY, corsOrigins: config.SHEAF_CORS_ORIGINS ?? [] };
}
