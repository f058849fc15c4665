import ipaddr from 'ipaddr.js';

/** How the values of settings are read. Each throws an error that says what the value must be. */

export const text = (value: string) => value;

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    throw new Error(`must be a whole number from ${least} to ${most}`);
  };
}

export function url(...protocols: string[]) {
  return (value: string): string => {
    const wanted = new Error(`must be a URL such as ${protocols[0]}//host:port`);
    if (!URL.canParse(value)) throw wanted;
    if (!protocols.includes(new URL(value).protocol)) throw wanted;
    return value;
  };
}

export function oneOf<const T extends string>(...values: T[]) {
  return (value: string): T => {
    const found = values.find((known) => known === value);
    if (found === undefined) throw new Error(`must be one of ${values.join(', ')}`);
    return found;
  };
}

/** What is separated by commas. */
export function list(value: string): string[] {
  const items = value.split(',').map((item) => item.trim());
  if (items.includes('')) throw new Error('must be a list such as ./operations,./more/greet.ts');
  return items;
}

/** What can be sent in an Authorization header as it is. */
export function key(value: string): string {
  if (!/^[\x21-\x7e]{16,}$/.test(value)) {
    throw new Error('must have at least 16 characters, of printable ASCII without blanks');
  }
  return value;
}

export const wholeSeconds = wholeNumber(1, 86_400 * 365);

/** Of a user; as long as whoever signs in must have one. */
export function password(value: string): string {
  const characters = [...value].length;
  if (characters < 12 || characters > 256) throw new Error('must have 12 to 256 characters');
  return value;
}

/** Where pages may be from that call the API; `*`: anywhere. */
export function httpOrigins(value: string): string[] {
  const origins = value.split(',').map((item) => item.trim());
  if (origins.length === 1 && origins[0] === '*') return origins;
  const isOrigin = (item: string) =>
    URL.canParse(item) && /^https?:$/.test(new URL(item).protocol) && new URL(item).origin === item;
  if (!origins.every(isOrigin)) throw new Error('must be origins such as https://app.example.com, or *');
  return origins;
}

/** `false`: nobody; how many proxies stand before us; or their addresses and networks. */
export function trustedProxies(value: string): false | number | string[] {
  if (value === 'false') return false;
  if (/^[1-9]$/.test(value)) return Number(value);
  const networks = value.split(',').map((item) => item.trim());
  const isAddress = (item: string) => ipaddr.IPv4.isValidFourPartDecimal(item) || ipaddr.IPv6.isValid(item);
  const isNetwork = (item: string) =>
    isAddress(item) || (isAddress(item.split('/')[0] ?? '') && ipaddr.isValidCIDR(item));
  if (networks.every(isNetwork)) return networks;
  throw new Error('must be false, a number of proxies, or addresses such as 10.0.0.0/8,127.0.0.1');
}
