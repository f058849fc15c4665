CREATE TABLE "custom_ids" (
	"batch_id" uuid NOT NULL,
	"record" bigint NOT NULL,
	"chunk" integer NOT NULL,
	"digest" "bytea" NOT NULL,
	"valid" boolean NOT NULL,
	CONSTRAINT "custom_ids_batch_id_record_pk" PRIMARY KEY("batch_id","record")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"account_id" uuid NOT NULL,
	"route" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" char(64) NOT NULL,
	"answer" jsonb NOT NULL,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_account_id_route_key_pk" PRIMARY KEY("account_id","route","key")
);
--> statement-breakpoint
DROP INDEX "batches_account";--> statement-breakpoint
DROP INDEX "chunks_unsettled";--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "dry_run" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "stop_after" jsonb;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "execution" text DEFAULT 'parallel' NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "custom_id" text;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "priority" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "results_formats" jsonb DEFAULT '["ndjson"]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "expires_after" bigint DEFAULT 2592000 NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "ended_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "expires_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "expired_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "delete_requested_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "deleted_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "repeated_ids" jsonb;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "multipart_id" text;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "part_count" integer;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "invalidated_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "removed_at" timestamp (6) with time zone;--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "batches_to_lease" ON "batches" USING btree ("stage","account_id","priority" DESC NULLS FIRST,"created_at","id") WHERE "batches"."stage" is not null and "batches"."lease" is null;--> statement-breakpoint
CREATE INDEX "batches_in_chunks" ON "batches" USING btree ("status","account_id","priority" DESC NULLS FIRST,"created_at","id") WHERE "batches"."status" in ('validating', 'processing') and "batches"."stage" is null;--> statement-breakpoint
CREATE INDEX "batches_leased" ON "batches" USING btree ("lease_expires_at") WHERE "batches"."lease" is not null;--> statement-breakpoint
CREATE INDEX "batches_tombstones" ON "batches" USING btree ("deleted_at") WHERE "batches"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "batches_unfinished" ON "batches" USING btree ("updated_at") WHERE "batches"."ended_at" is null and "batches"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "batches_to_expire" ON "batches" USING btree ("expires_at") WHERE "batches"."expired_at" is null;--> statement-breakpoint
CREATE INDEX "batches_to_delete" ON "batches" USING btree ("delete_requested_at") WHERE "batches"."delete_requested_at" is not null;--> statement-breakpoint
CREATE INDEX "chunks_tried" ON "chunks" USING btree ("batch_id","number") WHERE "chunks"."status" = 'waiting' and "chunks"."attempts" > 0;--> statement-breakpoint
CREATE INDEX "uploads_to_remove" ON "uploads" USING btree ("expires_at") WHERE "uploads"."removed_at" is null;--> statement-breakpoint
CREATE INDEX "batches_account" ON "batches" USING btree ("account_id","id" DESC NULLS LAST) WHERE "batches"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "chunks_unsettled" ON "chunks" USING btree ("batch_id","number") WHERE "chunks"."status" <> 'settled';--> statement-breakpoint
UPDATE "batches" SET "ended_at" = "updated_at", "expires_at" = "updated_at" + interval '30 days' WHERE "status" in ('hash_mismatch', 'validation_failed', 'completed', 'failed');
