-- What left the log before a stage had read it, and was given up by order: explained, but gone.
ALTER TABLE audit_hours
    ADD COLUMN IF NOT EXISTS expired UInt64 DEFAULT 0 COMMENT 'Of these, expired before a stage had read them' AFTER missing;

ALTER TABLE audit_findings COMMENT COLUMN IF EXISTS kind 'missing, expired (given up by order), duplicated or stranger (in events without having been in raw-events)';
