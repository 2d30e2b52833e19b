-- What the rules of validate found and did. Plain strings: most events have none of these, and
-- LowCardinality members cost INSERT and merges together twice as much CPU (370 rows: 30 ms without
-- these columns, 34 ms so, 39 ms with LowCardinality).
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS findings Array(Tuple(reason String, pointer String, problem String, expected Nullable(String), actual Nullable(String), outcome String, plan_version Nullable(String))) COMMENT 'What rules found that did not reject the event: reason (one word of a closed list), pointer (JSON pointer of the place; * stands for a name that may be personal), problem (in words), expected, actual (type that was found), outcome (flag, or would-reject: a version of the plan that is not in force yet rejects it), plan_version (such as shop@3; NULL where the rule is everybody''s)' CODEC(ZSTD) AFTER validation_flags,
    ADD COLUMN IF NOT EXISTS removed Array(String) COMMENT 'What was taken out of the event or made unreadable: what was done and the JSON pointer, such as hash /properties/email' CODEC(ZSTD) AFTER findings,
    ADD COLUMN IF NOT EXISTS inheritable Array(String) COMMENT 'JSON pointers of context that was not sent and that the plan lets the session''s other events provide' CODEC(ZSTD) AFTER removed,
    ADD COLUMN IF NOT EXISTS consent_granted Array(String) COMMENT 'Consent categories of the plan that the person granted, as sent' CODEC(ZSTD) AFTER inheritable,
    ADD COLUMN IF NOT EXISTS consent_denied Array(String) COMMENT 'Consent categories of the plan that the person denied, as sent' CODEC(ZSTD) AFTER consent_granted;

ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS findings Array(Tuple(reason String, pointer String, problem String, expected Nullable(String), actual Nullable(String), outcome String, plan_version Nullable(String))) COMMENT 'What rules found in the event, one by one, with the members that events.findings has; outcome is also reject. Empty where no rule was applied to its fields' CODEC(ZSTD) AFTER message_id;
