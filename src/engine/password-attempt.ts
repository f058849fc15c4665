import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { shortened } from '../core/result.ts';
import type { KnownPrincipal } from './ports/access-stores.ts';
import type { Actor } from './ports/actor.ts';
import type { AuditActor, AuditLog } from './ports/audit-log.ts';
import type { Passwords } from './ports/passwords.ts';
import type { SignInThrottle, ThrottleKey } from './ports/session-store.ts';

export interface PasswordAttempts {
  throttle: Pick<SignInThrottle, 'attempt' | 'succeeded' | 'takenBack'>;
  passwords: Pick<Passwords, 'verify'>;
  audit: AuditLog;
  log: Log;
}

/** Where a request comes from. */
export type From = Pick<Actor, 'ip' | 'requestId'>;

/** Whose password it is said to be. */
export interface Claimed {
  /** Their names, as they were given or are known. */
  account: string;
  user: string;
}

type Known = Pick<KnownPrincipal, 'accountId' | 'user' | 'principal'> & { passwordHash: string };

/**
 * Looks at a password, unless too many were tried. Does the same, and takes the same time, whoever it is said to be: an
 * account or a user that is not there is not told from a wrong password.
 * @param find who it is; asked only once the attempt is counted
 * @returns who it is if the password is theirs
 * @throws {RequestError} sign_in_locked; unavailable: too many passwords are being looked at
 */
export async function tryPassword<Who extends Known>(
  { throttle, passwords, audit, log }: PasswordAttempts,
  claimed: Claimed,
  password: string,
  find: () => Promise<Who | null>,
  from: From,
): Promise<Who | null> {
  const keys = attemptKeys(claimed, from.ip);
  const { waitSeconds, lockSeconds } = await throttle.attempt(keys);
  if (waitSeconds > 0) throw locked(waitSeconds);
  const { who, right } = await lookAt(passwords, password, find, addressKey(from.ip)).catch(
    async (error: unknown) => {
      // Or whoever keeps us busy would lock out all who try meanwhile.
      await throttle.takenBack(keys).catch((fault: unknown) => {
        log.warn({ err: fault }, 'an attempt to sign in that was not looked at counts as failed');
      });
      throw error;
    },
  );
  if (right && who !== null) {
    await throttle.succeeded(keys);
    return who;
  }
  await noteFailure(audit, { claimed, who, from }, lockSeconds);
  return null;
}

async function lookAt<Who extends Known>(
  passwords: Pick<Passwords, 'verify'>,
  password: string,
  find: () => Promise<Who | null>,
  whose: string,
): Promise<{ who: Who | null; right: boolean }> {
  const who = await find();
  return { who, right: await passwords.verify(password, who?.passwordHash ?? null, whose) };
}

const HOUR = 3600;

/**
 * What attempts are counted by. A name at one address is soon locked for long; a name from anywhere only when many
 * were tried, for a minute, and not where its owner has been before, so that no stranger can lock them out there; an
 * address when it tries many names.
 */
export function attemptKeys({ account, user }: Claimed, ip: string | null): ThrottleKey[] {
  const name = hashed([folded(account), folded(user)]);
  const address = networkOf(ip);
  return [
    {
      key: `name:${name}:${address}`,
      ...{ free: 5, lockSeconds: 30, longestLockSeconds: 15 * 60, forgetSeconds: HOUR },
    },
    {
      key: `name:${name}`,
      ...{ free: 50, lockSeconds: 60, longestLockSeconds: 60, forgetSeconds: HOUR },
      unless: `known:${name}:${address}`,
    },
    {
      key: addressKey(ip),
      ...{ free: 100, lockSeconds: 30, longestLockSeconds: 15 * 60, forgetSeconds: 10 * 60, keep: true },
    },
  ];
}

/**
 * Names that PostgreSQL may take for the same must not be counted apart; others may be counted together. Without their
 * marks, as its `lower` makes an `i` of `İ`, where ours keeps the dot.
 */
function folded(name: string): string {
  return name
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toUpperCase()
    .toLowerCase();
}

export function addressKey(ip: string | null): string {
  return `address:${networkOf(ip)}`;
}

/** Of a length that does not depend on what somebody sends. */
function hashed(names: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url');
}

/** Of IPv6 the network that one subscriber gets: each of them has 2^64 addresses. */
function networkOf(ip: string | null): string {
  if (ip === null || !ipaddr.isValid(ip)) return 'unknown';
  const address = ipaddr.process(ip);
  if (address.kind() === 'ipv4') return address.toString();
  return `${ipaddr.fromByteArray([...address.toByteArray().slice(0, 8), ...Array<number>(8).fill(0)])}/64`;
}

function locked(seconds: number): RequestError {
  const wait = Math.max(1, Math.ceil(seconds));
  const detail = `too many attempts to sign in have failed; the next password is looked at in ${wait} s`;
  return new RequestError('sign_in_locked', detail, [], wait);
}

/** A name that nobody has is not kept: some of them are passwords, typed into the wrong place. */
const UNKNOWN_USER = '(unknown)';

/** What is refused without being looked at is not noted: or whoever floods us would flood the audit log. */
async function noteFailure(
  audit: AuditLog,
  { claimed, who, from }: { claimed: Claimed; who: Known | null; from: From },
  lockSeconds: number,
): Promise<void> {
  const account = shortened(claimed.account);
  const user = who === null ? UNKNOWN_USER : shortened(claimed.user);
  const actor: AuditActor = {
    ...{ accountId: who?.accountId ?? null, ownAccountId: null, user, ...from },
    principal: { kind: 'nobody' },
  };
  const id = who !== null && 'id' in who.principal ? who.principal.id : user;
  const target = { kind: 'user', id } as const;
  await audit.note(actor, { action: 'sign_in_failed', target, after: { account } });
  if (lockSeconds === 0) return;
  await audit.note(actor, { action: 'sign_in_locked', target, after: { account, seconds: lockSeconds } });
}
