ALTER TABLE "batches" ADD COLUMN "on_duplicate_file" text DEFAULT 'allow' NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "duplicate_of" uuid;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "retry_of" uuid;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "root_id" uuid;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "retry_records" text;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "retries_lost" uuid;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "sources" jsonb;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "skipped" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "batches_hash" ON "batches" USING btree ("account_id","hash") WHERE "batches"."hash" is not null;--> statement-breakpoint
CREATE INDEX "batches_stated_hash" ON "batches" USING btree ("account_id","stated_hash") WHERE "batches"."stated_hash" is not null and "batches"."hash" is null;--> statement-breakpoint
CREATE INDEX "batches_retries" ON "batches" USING btree ("retry_of") WHERE "batches"."retry_of" is not null;--> statement-breakpoint
CREATE INDEX "batches_lineage" ON "batches" USING btree ("root_id") WHERE "batches"."root_id" is not null;