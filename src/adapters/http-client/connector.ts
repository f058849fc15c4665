import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressRules } from '../../core/address-rules.ts';

export interface Resolved {
  address: string;
  family: number;
}

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<Resolved[]>;

export const resolveHost: Resolve = async (host) => await lookup(host, { all: true, verbatim: true });

export class AddressRefused extends Error {
  override name = 'AddressRefused';
  readonly code = 'ADDRESS_REFUSED';
}

/** How long one of several addresses may take before the next one is tried: Node’s 250 ms are too few for far ones. */
const NEXT_ADDRESS_MS = 2_000;

/**
 * Connects to addresses that were checked, and to no others: what the name stands for is asked once, and the
 * connection is made to an address of that answer, so that a name cannot become another one in between (DNS rebinding).
 */
export function checkedConnector(
  rules: AddressRules,
  { resolve, timeoutMs }: { resolve: Resolve; timeoutMs: number },
): buildConnector.connector {
  const connect = buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    lookup: checkedLookup(rules, resolve),
  });
  return (options, callback) => {
    // An address needs no lookup. URLs have them in one notation, whatever was written.
    const { hostname } = options;
    if (isIP(hostname) === 0 || rules.permits(hostname, hostname)) connect(options, callback);
    else process.nextTick(() => callback(refused(hostname, hostname), null));
  };
}

function checkedLookup(rules: AddressRules, resolve: Resolve): LookupFunction {
  return (host, { all, family }, callback) => {
    checkedAddresses(host).then(
      (addresses) => {
        const fitting = addresses.filter((one) =>
          family !== 4 && family !== 6 ? true : one.family === family,
        );
        const [first] = fitting;
        if (first === undefined) callback(noAddress(host), '', 0);
        else if (all) callback(null, fitting);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };

  /** One refused address refuses the host: nobody has good reason to mix public ones and others. */
  async function checkedAddresses(host: string): Promise<Resolved[]> {
    const addresses = await resolve(host);
    const bad = addresses.find(({ address }) => !rules.permits(host, address));
    if (bad !== undefined) throw refused(host, bad.address);
    return addresses;
  }
}

function refused(host: string, address: string): AddressRefused {
  const what = host === address ? host : `${host} is ${address}, which`;
  return new AddressRefused(`${what} is no public address`);
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
}
