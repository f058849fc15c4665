#!/usr/bin/env node
import { register } from 'tsx/esm/api';

// From its sources, so that it works in a clean clone.
register();
await import('../src/cli/sheaf.ts');
