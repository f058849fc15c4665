ALTER TABLE "chunks" ADD COLUMN "error_codes" jsonb;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "first_errors" jsonb;--> statement-breakpoint
UPDATE "chunks" SET "error_codes" = "failures" -> 'codes', "first_errors" = "failures" -> 'first'
  WHERE "failures" -> 'codes' <> '{}'::jsonb;--> statement-breakpoint
ALTER TABLE "chunks" DROP COLUMN "failures";