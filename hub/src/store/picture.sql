-- What the journal's entries come to: made from them alone, in the transaction that keeps them, so that it can be made again
-- from the first entry on. Times are milliseconds since 1970, states their rank (`State::RANKING`), 0 the best.

CREATE TABLE account (
    id          INTEGER PRIMARY KEY,      -- the twelve digits
    name        TEXT,
    ring        TEXT NOT NULL,            -- by the list of those who are expected
    unexpected  INTEGER NOT NULL,         -- whether there is such a list, and it is not on it
    n           INTEGER NOT NULL,         -- its newest report in the journal
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    seen        INTEGER NOT NULL,         -- the earlier of the two
    heard       TEXT NOT NULL,            -- the numbers of all of its reports
    missing     INTEGER NOT NULL,         -- how many gaps are in them
    state       INTEGER NOT NULL,         -- the worst of it and its stacks
    since       INTEGER NOT NULL,         -- from which report on it has been in that state, as far as was heard in order
    why         TEXT,
    applied     TEXT,                     -- commits
    attempted   TEXT,
    version     TEXT NOT NULL,
    region      TEXT NOT NULL,
    good        INTEGER NOT NULL,         -- its share, as `fleet` has it
    stacks      INTEGER NOT NULL,
    stacks_good INTEGER NOT NULL,
    resources   INTEGER NOT NULL,
    compared    INTEGER NOT NULL,
    form        BLOB NOT NULL             -- digest of what stands in the tables below
) STRICT;
-- Every report writes `seen`, and with it every index that it stands in: two.
CREATE INDEX account_worst ON account (state DESC, seen, id);
CREATE INDEX account_seen ON account (seen);
CREATE INDEX account_ring ON account (ring, state DESC, id);
CREATE INDEX account_attempted ON account (attempted, state DESC, id);
CREATE INDEX account_version ON account (version, state DESC, id);
CREATE INDEX account_name ON account (name COLLATE NOCASE, id);
CREATE INDEX account_unexpected ON account (state DESC, id) WHERE unexpected = 1;

-- Stacks by what is the same of them in every account.
CREATE TABLE place (
    id       INTEGER PRIMARY KEY,
    stack    TEXT NOT NULL,
    region   TEXT NOT NULL,
    manifest TEXT NOT NULL,
    UNIQUE (stack, region, manifest)
) STRICT;
CREATE TABLE stack (
    account  INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    since    INTEGER NOT NULL,            -- seconds since 1970
    provided INTEGER NOT NULL,            -- 0: nothing
    why      TEXT,
    PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX stack_place ON stack (place, state DESC, account);
CREATE INDEX stack_provided ON stack (provided, state DESC, account, place) WHERE provided > 0;

-- Lists of controls that a stack provides.
CREATE TABLE provided (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE control (
    name     TEXT NOT NULL,
    provided INTEGER NOT NULL,
    PRIMARY KEY (name, provided)
) STRICT, WITHOUT ROWID;

CREATE TABLE drifted (
    account  INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    resource TEXT NOT NULL,
    type     TEXT NOT NULL,
    how      TEXT NOT NULL,
    paths    TEXT NOT NULL,
    since    INTEGER NOT NULL,
    by       TEXT,
    source   TEXT,
    call     TEXT,
    claimed  INTEGER NOT NULL,
    mode     TEXT NOT NULL,
    why      TEXT,
    PRIMARY KEY (account, place, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX drifted_since ON drifted (since DESC, account, place, resource);

-- What people in an account told its agent.
CREATE TABLE exception (
    account INTEGER NOT NULL,
    i       INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    what    TEXT NOT NULL,
    until   INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    by      TEXT NOT NULL,
    PRIMARY KEY (account, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX exception_until ON exception (until, account, i);

CREATE TABLE happened (
    id       INTEGER PRIMARY KEY,         -- 128 times the report's place in the journal, and which of it
    account  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL,
    region   TEXT,
    stack    TEXT,
    revision TEXT,
    sentence TEXT NOT NULL
) STRICT;
CREATE INDEX happened_at ON happened (at DESC);
CREATE INDEX happened_account ON happened (account, at DESC);
CREATE INDEX happened_what ON happened (what, at DESC);
CREATE INDEX happened_revision ON happened (revision, at DESC) WHERE revision IS NOT NULL;

-- When an account was first heard to work towards a commit, and to have reached it.
CREATE TABLE revision (
    id        TEXT PRIMARY KEY,
    first     INTEGER NOT NULL,
    signature INTEGER NOT NULL,           -- the worst that any account says: 0 good, 1 not checked, 2 not good
    signer    TEXT                        -- who signed it, by those who say that it is good
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_first ON revision (first DESC, id);
CREATE TABLE progress (
    revision  TEXT NOT NULL,
    account   INTEGER NOT NULL,
    attempted INTEGER NOT NULL,
    applied   INTEGER,
    PRIMARY KEY (revision, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX progress_applied ON progress (revision, applied) WHERE applied IS NOT NULL;

CREATE TABLE quarantine (
    digest   BLOB PRIMARY KEY,
    received INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    begins   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_received ON quarantine (received, digest);

-- Who should speak, as the list said last.
CREATE TABLE expected (
    id    INTEGER PRIMARY KEY,
    name  TEXT,
    ring  TEXT NOT NULL,
    spoke INTEGER NOT NULL
) STRICT;
CREATE INDEX expected_mute ON expected (id) WHERE spoke = 0;

-- Sums of the above, so that no page adds up a table.
CREATE TABLE tally (
    what  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (what, key, value)
) STRICT, WITHOUT ROWID;

-- How far the journal has been read, and the list of those who are expected.
CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
