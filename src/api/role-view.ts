import { PERMISSIONS } from '../core/access.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { builtInRole, type Role } from '../core/roles.ts';
import type { OwnRole } from '../engine/ports/access-stores.ts';
import { milliseconds } from './batch-view.ts';
import type { RoleView } from './schemas/role.ts';

/** A role as the API answers it. */
export function roleView(role: Role & Partial<OwnRole>, operations: OperationRegistry): RoleView {
  const { name, description, statements, createdAt, updatedAt } = role;
  return {
    name,
    description,
    statements: statements.map(({ effect, actions }) => ({ effect, actions: [...actions] })),
    built_in: builtInRole(name) !== undefined,
    unknown_actions: unknownActions(role, operations),
    created_ts: createdAt === undefined ? null : milliseconds(createdAt),
    updated_ts: updatedAt === undefined ? null : milliseconds(updatedAt),
  };
}

/** They are not refused: an operation may come later. But a slip shows. */
function unknownActions({ statements }: Role, operations: OperationRegistry): string[] {
  const known = new Set<string>([...PERMISSIONS, ...operations.list().map(({ name }) => name)]);
  const names = (pattern: string) => {
    if (!pattern.endsWith('*')) return known.has(pattern);
    const prefix = pattern.slice(0, -1);
    return [...known].some((name) => name.startsWith(prefix));
  };
  return [...new Set(statements.flatMap(({ actions }) => actions))].filter((action) => !names(action));
}
