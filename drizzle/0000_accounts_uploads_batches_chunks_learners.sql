CREATE TABLE "accounts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "accounts_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"upload_id" uuid NOT NULL,
	"user_name" text NOT NULL,
	"operation" text NOT NULL,
	"operation_version" integer NOT NULL,
	"settings" jsonb NOT NULL,
	"mapping" jsonb NOT NULL,
	"on_invalid" text NOT NULL,
	"metadata" jsonb NOT NULL,
	"stated_hash" char(64),
	"hash" char(64),
	"status" text NOT NULL,
	"status_reason" jsonb,
	"statuses" jsonb NOT NULL,
	"failed_from" text,
	"upload_key" text NOT NULL,
	"upload_etag" text NOT NULL,
	"upload_bytes" bigint NOT NULL,
	"input_key" text,
	"read" jsonb,
	"file_fault" jsonb,
	"total" bigint,
	"chunk_count" integer DEFAULT 0 NOT NULL,
	"succeeded" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	"skipped" bigint DEFAULT 0 NOT NULL,
	"unprocessed" bigint DEFAULT 0 NOT NULL,
	"stage" text,
	"lease" uuid,
	"lease_expires_at" timestamp (6) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"available_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"progress_done" bigint DEFAULT 0 NOT NULL,
	"results" jsonb,
	"results_at" timestamp (6) with time zone,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (6) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "chunks" (
	"batch_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"account_id" uuid NOT NULL,
	"first_record" bigint NOT NULL,
	"records" integer NOT NULL,
	"byte_start" bigint NOT NULL,
	"byte_end" bigint NOT NULL,
	"sha256" char(64) NOT NULL,
	"fault" jsonb,
	"phase" text NOT NULL,
	"status" text NOT NULL,
	"lease" uuid,
	"lease_expires_at" timestamp (6) with time zone,
	"lease_pid" integer,
	"lease_pid_started" timestamp (6) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"available_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"invalid" integer DEFAULT 0 NOT NULL,
	"file_fault" jsonb,
	"validation_part" text,
	"succeeded" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"part" text,
	"settled_at" timestamp (6) with time zone,
	CONSTRAINT "chunks_batch_id_number_pk" PRIMARY KEY("batch_id","number")
);
--> statement-breakpoint
CREATE TABLE "learners" (
	"account_id" uuid NOT NULL,
	"learner_id" text NOT NULL,
	"email" text,
	"given_name" text,
	"family_name" text,
	"birth_date" date,
	"phone" text,
	"country" text,
	"score" numeric(5, 2),
	"joined_at" timestamp (6) with time zone,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"modified_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "learners_account_id_learner_id_pk" PRIMARY KEY("account_id","learner_id")
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"object_key" text NOT NULL,
	"filename" text,
	"content_type" text,
	"size" bigint,
	"hash" char(64),
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"url_expires_at" timestamp (6) with time zone NOT NULL,
	"expires_at" timestamp (6) with time zone NOT NULL,
	"used_by" uuid
);
--> statement-breakpoint
ALTER TABLE "batches" ADD CONSTRAINT "batches_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batches" ADD CONSTRAINT "batches_upload_id_uploads_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."uploads"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chunks" ADD CONSTRAINT "chunks_batch_id_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "batches_account" ON "batches" USING btree ("account_id","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "batches_upload" ON "batches" USING btree ("upload_id");--> statement-breakpoint
CREATE INDEX "batches_stage" ON "batches" USING btree ("stage","available_at") WHERE "batches"."stage" is not null;--> statement-breakpoint
CREATE INDEX "batches_under_way" ON "batches" USING btree ("status","created_at") WHERE "batches"."status" in ('copied', 'validating', 'processing', 'processed');--> statement-breakpoint
CREATE INDEX "chunks_waiting" ON "chunks" USING btree ("batch_id","number") WHERE "chunks"."status" = 'waiting';--> statement-breakpoint
CREATE INDEX "chunks_running" ON "chunks" USING btree ("account_id") WHERE "chunks"."status" = 'running';--> statement-breakpoint
CREATE INDEX "chunks_unsettled" ON "chunks" USING btree ("batch_id") WHERE "chunks"."status" <> 'settled';--> statement-breakpoint
CREATE UNIQUE INDEX "learners_email" ON "learners" USING btree ("account_id",lower("email"));--> statement-breakpoint
CREATE INDEX "uploads_account" ON "uploads" USING btree ("account_id","id");