ALTER TABLE "batches" ADD COLUMN "format" jsonb DEFAULT '{"values":{"decimal":".","thousands":null,"dates":[],"timeZone":null}}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "conversion" jsonb;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "coerced" jsonb;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "failures" jsonb;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "failures" jsonb;--> statement-breakpoint
ALTER TABLE "chunks" ADD COLUMN "coerced" jsonb;--> statement-breakpoint
UPDATE "batches" SET "read" = "read" - 'header'
  || '{"compression":null,"values":{"decimal":".","thousands":null,"dates":[],"timeZone":null}}'::jsonb
  || case when "read" ->> 'format' = 'csv' then '{"lineEnd":"lf","headerRow":1,"marked":false}'::jsonb else '{}'::jsonb end
  WHERE jsonb_typeof("read") = 'object';
