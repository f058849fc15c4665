import { RequestError } from '../core/errors.ts';
import { shortened } from '../core/result.ts';
import { ROLE_NAME } from './schemas/role.ts';

const NAME = new RegExp(ROLE_NAME);

/**
 * What cannot be the name of a role, such as one with a NUL, is not asked of the database, which could not read it.
 * @throws {RequestError} role_not_found
 */
export function roleName(text: string): string {
  if (!NAME.test(text)) throw roleNotFound(text);
  return text;
}

export function roleNotFound(name: string): RequestError {
  return new RequestError('role_not_found', `there is no role ${shortened(name)} in the account`);
}
