-- Up to where the oldest part of the journal was taken out; the highest counts. `record` is what the journal itself says of it.
CREATE TABLE cut (
    through INTEGER PRIMARY KEY,          -- the last entry of that part
    record  TEXT NOT NULL                 -- JSON
) STRICT;

-- The lines that stand for it; of a cut that is not (or not any more) the newest they stand for nothing.
CREATE TABLE kept (
    through INTEGER NOT NULL,             -- whose
    i       INTEGER NOT NULL,             -- from 1, without a gap
    n       INTEGER NOT NULL,             -- the entry that stays with it; 0: none
    after   BLOB NOT NULL,                -- what bound everything before that
    carried TEXT NOT NULL,                -- JSON
    PRIMARY KEY (through, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_n ON kept (n, through, i);

-- Whether a commit was heard of in that part: then nothing is told of how accounts came to it.
ALTER TABLE revision ADD COLUMN old INTEGER NOT NULL DEFAULT 0;
