import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { faultsOfMigration } from '../support/migration-rules.ts';

const DIRECTORY = new URL('../../drizzle/', import.meta.url);
/** The newest migration of the version that `test/support/older-version.ts` names. */
const BASELINE = '0006_own_account_only.sql';

/** What breaks a rule all the same, and why it may: the fault as the test words it. */
const EXCEPTIONS: Record<string, { fault: string; why: string }[]> = {};

const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith('.sql')).sort();
const later = files.filter((file) => file > BASELINE);

describe('the migrations since the version that may still run', () => {
  it('are those that follow its newest one', () => {
    expect(files).toContain(BASELINE);
    expect(later.length).toBeGreaterThan(0);
  });

  it.each(later)('%s only adds', async (file) => {
    const faults = faultsOfMigration(await readFile(new URL(file, DIRECTORY), 'utf8'));
    expect(faults).toEqual((EXCEPTIONS[file] ?? []).map(({ fault }) => fault));
  });
});

describe('a migration', () => {
  it.each([
    ['ALTER TABLE "batches" DROP COLUMN "hash";', 'takes away'],
    ['DROP TABLE "learners";', 'takes away'],
    ['ALTER TABLE "batches" RENAME COLUMN "hash" TO "sha256";', 'renames'],
    ['ALTER TABLE "batches" ALTER COLUMN "priority" SET DATA TYPE bigint;', 'changes a type'],
    ['ALTER TABLE "batches" ALTER COLUMN "hash" SET NOT NULL;', 'demands'],
    ['ALTER TABLE "batches" ALTER COLUMN "priority" DROP DEFAULT;', 'demands'],
    ['ALTER TABLE "chunks" ADD COLUMN "weight" integer NOT NULL;', 'does not fill'],
    ['ALTER TABLE "chunks" ADD CONSTRAINT "few" CHECK ("records" < 10);', 'reads a whole table'],
    ['CREATE UNIQUE INDEX "once" ON "batches" USING btree ("hash");', 'demands of older'],
    ['CREATE INDEX "by_part" ON "chunks" USING btree ("part");', 'builds an index'],
    ['-- because\nUPDATE "chunks" SET "part" = null;', 'changes rows'],
    ['TRUNCATE "events";', 'keeps everybody out'],
  ])('may not: %s', (statement, why) => {
    const faults = faultsOfMigration(
      `ALTER TABLE "x" ADD COLUMN "y" text;--> statement-breakpoint\n${statement}`,
    );
    expect(faults).toEqual([expect.stringContaining(why)]);
  });

  it.each([
    'ALTER TABLE "batches" ADD COLUMN "note" text;',
    `ALTER TABLE "chunks" ADD COLUMN "n" integer DEFAULT 0 NOT NULL;`,
    'CREATE INDEX "batches_note" ON "batches" USING btree ("note");',
    'CREATE TABLE "notes" ("id" uuid);--> statement-breakpoint\nCREATE UNIQUE INDEX "one" ON "notes" USING btree ("id");',
    'ALTER TABLE "chunks" ADD CONSTRAINT "few" CHECK ("records" < 10) NOT VALID;',
    '-- DROP TABLE "chunks" comes with the next release.\nALTER TABLE "batches" ADD COLUMN "note" text;',
  ])('may: %s', (text) => expect(faultsOfMigration(text)).toEqual([]));
});
