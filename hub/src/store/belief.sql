-- Who wrote an entry of the journal: 0 somebody else, and it was received; 1 the hub itself.
ALTER TABLE journal ADD COLUMN origin INTEGER NOT NULL DEFAULT 0 CHECK (origin IN (0, 1));

-- Whether an account's newest report proved whose it is.
ALTER TABLE account ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_unproven ON account (state DESC, id) WHERE proven = 0;
INSERT INTO tally SELECT 'proven', '', 0, count(*) FROM account HAVING count(*) > 0;

-- The key that STS said is an account's.
CREATE TABLE enrolled (
    account INTEGER PRIMARY KEY,          -- the twelve digits
    key     BLOB NOT NULL,
    arn     TEXT NOT NULL,
    at      INTEGER NOT NULL              -- milliseconds since 1970
) STRICT;
