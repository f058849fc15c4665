ALTER TABLE "batches" ADD COLUMN "crashes" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "tidied_at" timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "crashes" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "probes" jsonb;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "crashed" jsonb;--> statement-breakpoint
CREATE INDEX "batches_to_tidy" ON "batches" USING btree ("results_at") WHERE "batches"."tidied_at" is null and "batches"."results_at" is not null and "batches"."expired_at" is null;