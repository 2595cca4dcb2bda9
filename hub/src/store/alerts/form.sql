-- What is not well, from its beginning to its end, and what somebody is to be told of it. Unlike the picture this is not made of
-- the journal: it remembers what people know. Times are milliseconds since 1970.

CREATE TABLE incident (
    n         INTEGER PRIMARY KEY,        -- in the order in which they were noticed
    id        TEXT NOT NULL UNIQUE,
    key       TEXT NOT NULL,              -- whose, and of what kind: one at a time is open
    account   INTEGER,                    -- NULL: the hub itself
    name      TEXT,
    ring      TEXT NOT NULL,
    revision  TEXT,
    condition TEXT NOT NULL,
    severity  INTEGER NOT NULL,           -- 1 warning, 2 error
    since     INTEGER NOT NULL,
    why       TEXT,
    noticed   INTEGER NOT NULL,
    worst     TEXT NOT NULL,              -- the worst that was told of it
    told      TEXT,                       -- the condition that was told last; NULL: it has not settled
    quiet     INTEGER NOT NULL,           -- 1: it was old at the first look, and nobody was told
    cleared   INTEGER,                    -- which look found it over
    ended     INTEGER
) STRICT;
CREATE UNIQUE INDEX incident_open ON incident (key) WHERE ended IS NULL;
CREATE INDEX incident_worst ON incident (severity, n) WHERE ended IS NULL AND told IS NOT NULL;
CREATE INDEX incident_ended ON incident (ended, n) WHERE ended IS NOT NULL;

-- What is to be handed over, one row for each route.
CREATE TABLE outbox (
    n        INTEGER PRIMARY KEY,
    route    TEXT NOT NULL,
    queued   INTEGER NOT NULL,
    message  TEXT NOT NULL,               -- JSON
    tries    INTEGER NOT NULL,
    next     INTEGER NOT NULL,            -- not to be tried before
    error    TEXT,                        -- why the last try did not work
    done     INTEGER,                     -- when it was delivered, or given up
    given_up INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_waiting ON outbox (route, n) WHERE done IS NULL;
CREATE INDEX outbox_done ON outbox (done) WHERE done IS NOT NULL;

-- What the last look has to know of the one before.
CREATE TABLE noted (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
