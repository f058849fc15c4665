import type { Operation } from '../core/operation.ts';
import { createLearner } from './training/create-learner.ts';

/** The operations that every Sheaf has. */
export const BUILT_IN_OPERATIONS: readonly Operation[] = [createLearner];
