-- Typed columns on demand. Which columns there are is for the tracking plans to say, so they are made by
-- `waybill migrate` and not by a file; these tables keep what it has done.
CREATE TABLE IF NOT EXISTS promoted_columns
(
    column_name String COMMENT 'Column of events',
    event_type LowCardinality(String) COMMENT 'track, or the type that is promoted from',
    event_name String COMMENT 'Name of the track event; empty for all events of another type',
    place String COMMENT 'JSON pointer of the value from the event''s top, such as /properties/total',
    kind LowCardinality(String) COMMENT 'string, number, integer, decimal, boolean, date-time or strings',
    plan String COMMENT 'Name of the tracking plan that asked for it',
    told_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When migrate was told'
)
ENGINE = ReplacingMergeTree(told_at)
ORDER BY (column_name, event_type, event_name)
COMMENT 'The promoted columns of events and what each is filled from; a column that left the plans stays';

CREATE TABLE IF NOT EXISTS promoted_backfills
(
    column_name String COMMENT 'Column of events',
    month String COMMENT 'Partition of events',
    state LowCardinality(String) COMMENT 'owed: rows of the month were loaded before the column was changed; done: they have been worked out anew since',
    told_at DateTime64(3, 'UTC') COMMENT 'When it was owed, or when the work began that is done'
)
ENGINE = ReplacingMergeTree(told_at)
ORDER BY (column_name, month)
COMMENT 'Which months of which promoted columns migrate --backfill has still to work out; those that have no such column on disk are owed too';
