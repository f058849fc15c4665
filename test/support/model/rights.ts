import { v7 as uuidv7 } from 'uuid';
import type { AccountServices } from '../../../src/account-services.ts';
import type { Caller } from '../../../src/core/access.ts';
import { builtInRole } from '../../../src/core/roles.ts';
import { actorFor } from '../actor.ts';
import { testCaller } from '../caller.ts';
import type { TestSheaf } from '../sheaf.ts';

const ROLES = { given: 'operator', withdrawn: 'viewer' } as const;

/** The user on whose behalf the batches of a history run, and whether the operation is allowed to them at this moment. */
export class Rights {
  given = true;
  readonly #sheaf: TestSheaf;
  readonly #id = uuidv7();

  constructor(sheaf: TestSheaf) {
    this.#sheaf = sheaf;
  }

  /** As a request of theirs would find them. */
  get caller(): Caller {
    return testCaller({
      accountId: this.#sheaf.caller.accountId,
      user: 'ada',
      principal: { kind: 'user', id: this.#id },
      role: this.#role,
      statements: builtInRole(this.#role)!.statements,
    });
  }

  get account(): AccountServices {
    return this.#sheaf.services.account(actorFor(this.caller));
  }

  /** Also at the beginning of a history, whose user there is not yet. */
  async set(given: boolean): Promise<void> {
    this.given = given;
    await this.#sheaf.sql`
      insert into users (id, account_id, name, password_hash, role)
      values (${this.#id}, ${this.#sheaf.caller.accountId}, 'ada', 'none', ${this.#role})
      on conflict (id) do update set role = excluded.role`;
  }

  async clear(): Promise<void> {
    await this.#sheaf.sql`delete from users where id = ${this.#id}`;
  }

  get #role(): string {
    return this.given ? ROLES.given : ROLES.withdrawn;
  }
}
