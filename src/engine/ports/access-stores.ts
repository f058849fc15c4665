import type { Principal, Statement } from '../../core/access.ts';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { Role } from '../../core/roles.ts';

/** Users, roles and keys of one account; every change is in the audit log with what was before and after. */

export interface User {
  id: string;
  name: string;
  role: string;
  disabled: boolean;
  /** Seconds since the epoch, here and below. */
  createdAt: number;
  updatedAt: number;
}

export interface NewUser {
  id: string;
  name: string;
  role: string;
  /** As `Passwords.hash` made it. */
  passwordHash: string;
}

export interface UserChange {
  role?: string;
  disabled?: boolean;
  passwordHash?: string;
}

/** `before` is the id of the last item of the page before. */
export interface PageOf {
  limit: number;
  before?: string;
}

/**
 * Called with each role that a change gives or touches, as it is in the change's transaction and stays until that has
 * ended: so nobody widens a role between the question whether it may be given and the giving. What it throws undoes
 * the change. Left out: whoever asks for the change may do everything.
 */
export type CheckRole = (role: Role) => void;

export interface UserStore {
  /** @throws {RequestError} name_taken, invalid_request: there is no such role */
  create(user: NewUser, check?: CheckRole): Promise<User>;
  find(id: string): Promise<User | null>;
  /** Newest first. */
  list(page: PageOf): Promise<User[]>;
  /** A new password, another role or disabling ends the user's sessions. @throws {RequestError} user_not_found, last_admin, invalid_request */
  change(id: string, change: UserChange, check?: CheckRole): Promise<User>;
  /** Its sessions end. @throws {RequestError} user_not_found, last_admin */
  remove(id: string, check?: CheckRole): Promise<void>;
}

export interface OwnRole extends Role {
  createdAt: number;
  updatedAt: number;
}

export type RoleChange = Partial<Pick<Role, 'description' | 'statements'>>;

export interface PageOfRoles {
  limit: number;
  /** The last role of the page before, which may be gone meanwhile. */
  before?: Pick<OwnRole, 'name' | 'createdAt'>;
}

export interface RoleStore {
  /** @throws {RequestError} name_taken: also by a role that every account has */
  create(role: Role): Promise<OwnRole>;
  /** Of the account's own, and of those that every account has (which have no times). */
  find(name: string): Promise<(Role & Partial<OwnRole>) | null>;
  /** The account's own, newest first. */
  list(page: PageOfRoles): Promise<OwnRole[]>;
  /** `check` is called with the role as it was. @throws {RequestError} role_not_found, role_built_in */
  change(name: string, change: RoleChange, check?: CheckRole): Promise<OwnRole>;
  /** @throws {RequestError} role_not_found, role_built_in, role_in_use */
  remove(name: string, check?: CheckRole): Promise<void>;
}

export interface ApiKey {
  id: string;
  name: string;
  role: string;
  /** How the key begins, to tell it from others. */
  hint: string;
  createdBy: string;
  createdAt: number;
  expiresAt: number | null;
  lastUsedAt: number | null;
  revokedAt: number | null;
}

export interface NewApiKey {
  id: string;
  name: string;
  role: string;
  hint: string;
  /** SHA-256 of the key, which has 256 bits of its own: nothing slower is needed. */
  hash: Buffer;
  expiresAt: number | null;
}

export interface ApiKeyStore {
  /** @throws {RequestError} name_taken: by a key that is not revoked; invalid_request: there is no such role */
  create(key: NewApiKey, check?: CheckRole): Promise<ApiKey>;
  find(id: string): Promise<ApiKey | null>;
  /** Newest first, revoked ones too. */
  list(page: PageOf): Promise<ApiKey[]>;
  /** May be repeated. @throws {RequestError} api_key_not_found */
  revoke(id: string, check?: CheckRole): Promise<void>;
}

/** Who somebody turned out to be, and what they may do at this moment. */
export interface KnownPrincipal {
  accountId: string;
  administers: boolean;
  suspended: boolean;
  user: string;
  principal: Principal;
  role: string;
  statements: readonly Statement[];
  limits: AccountLimitSettings;
}

export interface KnownUser extends KnownPrincipal {
  passwordHash: string;
}

/** What is looked up before it is known whose request it is, and again when work is done on somebody's behalf. */
export interface PrincipalStore {
  /** A key that is neither revoked nor expired; notes now and then that it is used. */
  ofApiKey(hash: Buffer): Promise<KnownPrincipal | null>;
  /** A session that has not ended, of a user who is not disabled. */
  ofSession(sessionId: string): Promise<KnownPrincipal | null>;
  /** Who signs in, the account by its name. Disabled users are not found. */
  ofName(account: string, user: string): Promise<KnownUser | null>;
  /**
   * What somebody may do on whose behalf a batch runs; `null`: nobody any more, or the account is suspended. A key that has expired meanwhile still
   * counts, for what was begun with it goes on; one that was revoked does not.
   */
  rightsOf(accountId: string, principal: Principal): Promise<readonly Statement[] | null>;
  /** The account that the key of the settings belongs to. */
  ofAdminKey(): Promise<KnownPrincipal>;
  nameOfAccount(accountId: string): Promise<string>;
}
