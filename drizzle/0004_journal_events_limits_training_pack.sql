CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_circuits" (
	"target" text PRIMARY KEY NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"open_until" timestamp (6) with time zone,
	"probing_until" timestamp (6) with time zone,
	"blocked_until" timestamp (6) with time zone,
	"wanted_until" timestamp (6) with time zone,
	"forget_at" timestamp (6) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_rates" (
	"key" text PRIMARY KEY NOT NULL,
	"taken" integer[] DEFAULT '{}' NOT NULL,
	"slice_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"locked_until" timestamp (6) with time zone,
	"forget_at" timestamp (6) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_slots" (
	"target" text NOT NULL,
	"slot" integer NOT NULL,
	"holder" uuid,
	"expires_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "limit_slots_target_slot_pk" PRIMARY KEY("target","slot")
);
--> statement-breakpoint
CREATE TABLE "record_journal" (
	"batch_id" uuid NOT NULL,
	"record" bigint NOT NULL,
	"chunk" integer NOT NULL,
	"state" text NOT NULL,
	"attempts" integer NOT NULL,
	"uncertain" boolean DEFAULT false NOT NULL,
	"due_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"result" text,
	CONSTRAINT "record_journal_batch_id_record_pk" PRIMARY KEY("batch_id","record")
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"account_id" uuid NOT NULL,
	"exam" text NOT NULL,
	"learner_id" text NOT NULL,
	"number" integer NOT NULL,
	"state" text NOT NULL,
	"correct" integer,
	"incorrect" integer,
	"unanswered" integer,
	"score" numeric(12, 2),
	"max_score" numeric(12, 2),
	"percentage" numeric(6, 2),
	"remarks" text,
	"started_at" timestamp (6) with time zone,
	"submitted_at" timestamp (6) with time zone,
	"graded_at" timestamp (6) with time zone,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"modified_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_account_id_exam_learner_id_number_pk" PRIMARY KEY("account_id","exam","learner_id","number")
);
--> statement-breakpoint
CREATE TABLE "cohorts" (
	"account_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"course" text NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"thumbnail_url" text,
	"starts_at" timestamp (6) with time zone,
	"ends_at" timestamp (6) with time zone,
	"room" text,
	"quota" integer,
	"enrolled" integer DEFAULT 0 NOT NULL,
	"delivery" text DEFAULT 'offline' NOT NULL,
	"days" text[] DEFAULT '{}' NOT NULL,
	"group_types" text[] DEFAULT '{}' NOT NULL,
	"is_local" boolean DEFAULT false NOT NULL,
	"status" text DEFAULT 'draft' NOT NULL,
	"published_at" timestamp (6) with time zone,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"modified_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cohorts_account_id_id_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "cohorts_quota" CHECK ("cohorts"."enrolled" <= "cohorts"."quota")
);
--> statement-breakpoint
CREATE TABLE "enrollments" (
	"account_id" uuid NOT NULL,
	"cohort_id" uuid NOT NULL,
	"learner_id" text NOT NULL,
	"enrolled_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "enrollments_account_id_cohort_id_learner_id_pk" PRIMARY KEY("account_id","cohort_id","learner_id")
);
--> statement-breakpoint
CREATE TABLE "exams" (
	"account_id" uuid NOT NULL,
	"slug" text NOT NULL,
	"title" text NOT NULL,
	"description" text,
	"course" text NOT NULL,
	"start_date" timestamp (6) with time zone,
	"end_date" timestamp (6) with time zone,
	"duration" integer,
	"number_of_questions" integer,
	"negative_marks" numeric(8, 2) DEFAULT '0' NOT NULL,
	"mark_per_question" numeric(8, 2) DEFAULT '1' NOT NULL,
	"template_type" text DEFAULT 'standard' NOT NULL,
	"allow_retake" boolean DEFAULT false NOT NULL,
	"max_retakes" integer,
	"show_answers" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"modified_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "exams_account_id_slug_pk" PRIMARY KEY("account_id","slug")
);
--> statement-breakpoint
CREATE TABLE "questions" (
	"account_id" uuid NOT NULL,
	"exam" text NOT NULL,
	"number" integer NOT NULL,
	"question" text NOT NULL,
	"type" text NOT NULL,
	"options" text[] DEFAULT '{}' NOT NULL,
	"answer" text,
	"explanation" text,
	"marks" numeric(8, 2),
	"negative_marks" numeric(8, 2),
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"modified_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "questions_account_id_exam_number_pk" PRIMARY KEY("account_id","exam","number")
);
--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "effects" text DEFAULT 'transaction' NOT NULL;--> statement-breakpoint
CREATE INDEX "events_account" ON "events" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "limit_slots_holder" ON "limit_slots" USING btree ("holder") WHERE "limit_slots"."holder" is not null;--> statement-breakpoint
CREATE INDEX "record_journal_chunk" ON "record_journal" USING btree ("batch_id","chunk");--> statement-breakpoint
CREATE INDEX "attempts_learner" ON "attempts" USING btree ("account_id","learner_id");--> statement-breakpoint
CREATE INDEX "attempts_score" ON "attempts" USING btree ("account_id","exam","score" DESC NULLS LAST) WHERE "attempts"."state" = 'graded';--> statement-breakpoint
CREATE UNIQUE INDEX "cohorts_name" ON "cohorts" USING btree ("account_id","course","name");--> statement-breakpoint
CREATE INDEX "enrollments_learner" ON "enrollments" USING btree ("account_id","learner_id");--> statement-breakpoint
CREATE INDEX "exams_course" ON "exams" USING btree ("account_id","course");