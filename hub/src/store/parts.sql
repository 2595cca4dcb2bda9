-- What the list of those who are expected says of each, as JSON: by it somebody may see some accounts and no others.
ALTER TABLE expected ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';

-- Accounts that can't do anything, as their organization said last. The column `unexpected` of those that spoke is 2.
CREATE TABLE suspended (id INTEGER PRIMARY KEY) STRICT;
CREATE INDEX account_suspended ON account (state DESC, id) WHERE unexpected = 2;
