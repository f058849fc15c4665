import { BlockList, isIP } from 'node:net';

/** `false`: nobody; how many proxies stand before the API; or their addresses and networks. */
export type TrustedProxies = false | number | readonly string[];

/** Whether what came from an address may say for whom it came; `hop` counts from the connection itself, which is 0. */
export type TrustsProxy = (address: string | undefined, hop: number) => boolean;

/**
 * Who is believed. A number stands for proxies whose addresses change: it holds only where nobody reaches the API but
 * through them. Fastify itself believes nobody when it is given a number, since it cannot know that.
 */
export function trustsProxy(trusted: TrustedProxies): TrustsProxy {
  if (trusted === false) return () => false;
  if (typeof trusted === 'number') return (_address, hop) => hop < trusted;
  const networks = new BlockList();
  for (const entry of trusted) {
    const [address = '', bits] = entry.split('/');
    const family = familyOf(address);
    if (family === undefined) throw new Error(`${JSON.stringify(entry)} is no address of a proxy`);
    if (bits === undefined) networks.addAddress(address, family);
    else networks.addSubnet(address, Number(bits), family);
  }
  return (address = '') => {
    const family = familyOf(address);
    return family !== undefined && networks.check(address, family);
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
