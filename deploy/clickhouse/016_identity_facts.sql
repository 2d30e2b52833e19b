-- What validate and identity-stitch tell of an event beside its person. Plain strings within the
-- tuple, as for findings: most events inherit nothing.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS business_key Nullable(String) COMMENT 'What the plan declares to be told once by several sources: the plan''s name, the event''s and the value of the property; NULL where it declares nothing' CODEC(ZSTD) AFTER device_key_kind,
    ADD COLUMN IF NOT EXISTS person_alias_origin Nullable(String) COMMENT 'Waybill number of the alias by which person_user_id stands for the id that was sent; NULL where none was used' CODEC(ZSTD) AFTER person_link_origin,
    ADD COLUMN IF NOT EXISTS supersedes Nullable(String) COMMENT 'Waybill number of an event of a source of lower precedence that told the same before; events_resolved leaves that one out' CODEC(ZSTD) AFTER person_alias_origin,
    ADD COLUMN IF NOT EXISTS told_first Nullable(String) COMMENT 'Waybill number of the event that told the same before, where the plan flags such events' CODEC(ZSTD) AFTER supersedes,
    ADD COLUMN IF NOT EXISTS session_id Nullable(String) COMMENT 'The session: its id as sent, else the waybill number of its first event; NULL where the event belongs to none' CODEC(ZSTD) AFTER told_first,
    ADD COLUMN IF NOT EXISTS session_basis LowCardinality(Nullable(String)) COMMENT 'sent, or derived (a time without an event of the device ends a session)' CODEC(ZSTD) AFTER session_id,
    ADD COLUMN IF NOT EXISTS session_number Nullable(Int32) COMMENT 'Which session of the device it is, from 1; begins anew when the device was absent for longer than the window of repeats. NULL for a late event of an earlier session' CODEC(ZSTD) AFTER session_basis,
    ADD COLUMN IF NOT EXISTS session_started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time of the session''s first event, as known when this one passed' CODEC(ZSTD) AFTER session_number,
    ADD COLUMN IF NOT EXISTS inherited Array(Tuple(field String, value String, origin String)) COMMENT 'What the plan lets the event inherit and its session knows: field (column of events that lacks it, or click_ids. and a name), value, origin (waybill number of the event that told it)' CODEC(ZSTD) AFTER session_started_at;

ALTER TABLE events COMMENT COLUMN IF EXISTS identity_flags 'Oddities: same-id-other-payload, told-before, late-for-session, device-rate, blocked-user-id, blocked-anonymous-id';

CREATE OR REPLACE VIEW production_events AS
SELECT *
FROM events FINAL
WHERE environment = 'production'
COMMENT 'Events of production, each once';

CREATE OR REPLACE VIEW events_of AS
SELECT *
FROM events FINAL
WHERE environment = {environment:String}
COMMENT 'Events of another environment, each once: SELECT … FROM events_of(environment = ''staging'')';
