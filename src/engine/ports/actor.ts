import type { Principal } from '../../core/access.ts';

/** Who changes something, in which account, and from where: what the audit log notes with the change. */
export interface Actor {
  /** What is changed belongs to this account; nothing of any other can be reached. */
  accountId: string;
  /** The account that the actor itself belongs to: another one where an admin reaches into it. */
  ownAccountId: string;
  user: string;
  principal: Principal;
  ip: string | null;
  requestId: string | null;
}
