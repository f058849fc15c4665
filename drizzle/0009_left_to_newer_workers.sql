-- While a new version is brought in, and when one is taken back, processes of an older one work on the same database. A
-- session says in "sheaf.level" what its process understands (src/adapters/postgres/connect.ts); one that says nothing
-- knows of no retries and of no records that crash their worker, and would do their work wrong: skipped records once
-- more, sent ones under another key. So what it would do wrong does not happen, whatever it asks for, and whoever is
-- newer does it.
CREATE FUNCTION "batch_left_to_newer_workers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.retry_of IS NULL AND NOT EXISTS (SELECT FROM batches WHERE root_id = NEW.id) THEN
    RETURN NEW;
  END IF;
  -- Its removal stays asked for, or due: a newer sweep begins with it, and notes what nobody knows any more then.
  IF NEW.stage = 'remove' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'batch % belongs to a retry, of which this older process knows nothing', NEW.id
    USING ERRCODE = 'lock_not_available';
END $$;--> statement-breakpoint
CREATE TRIGGER "batch_left_to_newer_workers" BEFORE UPDATE ON "batches" FOR EACH ROW
WHEN (coalesce(nullif(current_setting('sheaf.level', true), ''), '0')::int < 1 AND (
  (NEW.lease IS NOT NULL AND NEW.lease IS DISTINCT FROM OLD.lease AND NEW.retry_of IS NOT NULL
    AND NEW.stage IS DISTINCT FROM 'remove' AND (NEW.stage = 'convert' OR NEW.chunk_count > 0))
  OR (NEW.stage = 'remove' AND OLD.stage IS DISTINCT FROM 'remove')
  OR (OLD.status = 'failed' AND NEW.status NOT IN ('failed', 'deleting'))))
EXECUTE FUNCTION "batch_left_to_newer_workers"();--> statement-breakpoint
CREATE FUNCTION "chunk_left_to_newer_workers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "chunk_left_to_newer_workers" BEFORE UPDATE ON "chunks" FOR EACH ROW
WHEN (coalesce(nullif(current_setting('sheaf.level', true), ''), '0')::int < 1
  AND NEW.lease IS NOT NULL AND NEW.lease IS DISTINCT FROM OLD.lease
  AND (OLD.sources IS NOT NULL OR OLD.probes IS NOT NULL OR OLD.crashed IS NOT NULL))
EXECUTE FUNCTION "chunk_left_to_newer_workers"();
