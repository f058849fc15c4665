import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Names as DNS has them; `_` is in use, though RFC 1123 does not allow it. */
const HOST = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/**
 * Which addresses may be asked: the public ones, and of the others those that are allowed. So a file cannot be used to
 * reach what only this machine or its network can reach.
 */
export class AddressRules {
  readonly #all: boolean;
  readonly #hosts = new Set<string>();
  readonly #ranges: [Address, number][] = [];

  /**
   * @param allowed `true` allows all; else CIDR ranges, addresses and names of hosts
   * @throws {Error} when an entry is none of these
   */
  constructor(allowed: boolean | readonly string[]) {
    this.#all = allowed === true;
    for (const entry of typeof allowed === 'boolean' ? [] : allowed) {
      const plain = entry.toLowerCase().replace(/^\[(.*)\]$/, '$1');
      if (ipaddr.isValidCIDR(plain)) this.#ranges.push(ipaddr.parseCIDR(plain));
      else if (isAddress(plain)) this.#ranges.push(single(ipaddr.parse(plain)));
      else if (HOST.test(plain) && !/^[\d.]+$/.test(plain)) this.#hosts.add(plain);
      else {
        const kinds = 'a range such as 10.0.0.0/8, an address, or the name of a host';
        throw new Error(`${JSON.stringify(entry)} is none of these: ${kinds}`);
      }
    }
  }

  /** @param address what `host` stands for, or `host` itself */
  permits(host: string, address: string): boolean {
    if (this.#all || this.#hosts.has(host.toLowerCase())) return true;
    if (!ipaddr.isValid(address)) return false;
    const given = ipaddr.parse(address);
    const meant = embedded(given) ?? given;
    return isPublic(meant) || [given, meant].some((one) => this.#ranges.some((range) => isIn(one, range)));
  }
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

function single(address: Address): [Address, number] {
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function isIn(address: Address, [range, bits]: [Address, number]): boolean {
  return address.kind() === range.kind() && address.match(range, bits);
}

/** The IPv4 address that an IPv6 address is only another way to write or to reach: mapped, or by NAT64 (RFC 6052). */
function embedded(address: Address): ipaddr.IPv4 | undefined {
  if (!(address instanceof ipaddr.IPv6)) return undefined;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  // Not the ranges that networks choose for themselves (RFC 8215): where in them the address is only they know.
  if (!address.match(ipaddr.IPv6.parse('64:ff9b::'), 96)) return undefined;
  return new ipaddr.IPv4(address.toByteArray().slice(12));
}

/** Everything that has a special use is not, nor is what nobody has been given yet. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return !(address instanceof ipaddr.IPv6) || (address.parts[0]! & 0xe000) === 0x2000;
}
