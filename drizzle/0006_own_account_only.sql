-- The second wall between accounts: whoever takes the role "sheaf_account" sees and writes the rows of the account that
-- is set in "sheaf.account", and without one nothing. It binds requests; the owner of the tables, as whom workers and
-- migrations run, passes it, and so does everybody else whom an administrator lets in. The role is made apart from
-- here (src/adapters/postgres/account-role.ts), since not every user of a database may make one.
ALTER TABLE "accounts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "accounts" USING (
  current_user <> 'sheaf_account' OR "id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "uploads" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "uploads" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "batches" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "batches" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "chunks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "chunks" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "idempotency_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "idempotency_keys" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "users" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "users" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "roles" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "roles" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "api_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "api_keys" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "sessions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "sessions" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "learners" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "learners" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "cohorts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "cohorts" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "enrollments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "enrollments" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "exams" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "exams" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "questions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "questions" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "attempts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "attempts" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));--> statement-breakpoint
ALTER TABLE "events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_account" ON "events" USING (
  current_user <> 'sheaf_account' OR "account_id" = (SELECT nullif(current_setting('sheaf.account', true), '')::uuid));
