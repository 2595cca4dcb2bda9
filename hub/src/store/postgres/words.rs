//! The store's statements in PostgreSQL's words. They are written once, in words that both databases take ([`super::super::sql`]);
//! what little differs is put right here, when a statement is prepared.
//!
//! Not here: anything that would have to understand a statement.

/// A statement: `?1` is `$1`, and what compares without regard to case compares in lower case.
pub(super) fn statement(sql: &str) -> String {
    without_case(&sql.replace('?', "$"))
}

/// A form, as SQLite's tables are written down: kinds of columns by their names here, texts ordered by their bytes whatever the
/// database's own order is, and triggers that call a function.
pub(super) fn form(sql: &str) -> String {
    // A list of controls may be longer than what stands in an ordered index.
    let sql = sql.replace("names TEXT NOT NULL UNIQUE", "names TEXT NOT NULL, EXCLUDE USING hash (names WITH =)");
    let sql = sql.replace(") STRICT, WITHOUT ROWID;", ");").replace(") STRICT;", ");");
    let sql = sql.replace("BEGIN SELECT RAISE(ABORT, ", "FOR EACH ROW EXECUTE FUNCTION holdfast_refuse(");
    let sql = without_case(&sql.replace("); END;", ");"));
    let words = [("INTEGER", "BIGINT"), ("BLOB", "BYTEA"), ("TEXT", "TEXT COLLATE \"C\"")];
    let put = |word: &str| words.iter().find(|(known, _)| *known == word).map_or(word, |(_, put)| put).to_owned();
    let mut all = String::with_capacity(sql.len());
    let mut rest = sql.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(from.len());
        all.push_str(before);
        all.push_str(&put(&from[..end]));
        rest = &from[end..];
    }
    all.push_str(rest);
    all
}

/// `name COLLATE NOCASE` is `lower(name)`.
fn without_case(sql: &str) -> String {
    const WORDS: &str = " COLLATE NOCASE";
    let (mut all, mut rest) = (String::with_capacity(sql.len()), sql);
    while let Some(at) = rest.find(WORDS) {
        let column = rest[..at]
            .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .map_or(0, |before| before + 1);
        all.push_str(&format!("{}lower({})", &rest[..column], &rest[column..at]));
        rest = &rest[at + WORDS.len()..];
    }
    all + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_put_right_and_nothing_else() {
        let check = |sql: &str, expect: &str| assert_eq!(statement(sql), expect);
        check("SELECT n FROM tally WHERE what = ?1 AND key = ?12", "SELECT n FROM tally WHERE what = $1 AND key = $12");
        check(
            "SELECT id FROM account WHERE name COLLATE NOCASE >= ?1 ORDER BY a.name COLLATE NOCASE LIMIT 20",
            "SELECT id FROM account WHERE lower(name) >= $1 ORDER BY lower(a.name) LIMIT 20",
        );
        let check = |sql: &str, expect: &str| assert_eq!(form(sql), expect);
        check(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b BLOB, TEXTS TEXT NOT NULL) STRICT, WITHOUT ROWID;",
            "CREATE TABLE a (id BIGINT PRIMARY KEY, b BYTEA, TEXTS TEXT COLLATE \"C\" NOT NULL);",
        );
        check("CREATE INDEX i ON account (name COLLATE NOCASE, id);", "CREATE INDEX i ON account (lower(name), id);");
        check(
            "CREATE TRIGGER t BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'it is not'); END;",
            "CREATE TRIGGER t BEFORE UPDATE ON journal FOR EACH ROW EXECUTE FUNCTION holdfast_refuse('it is not');",
        );
    }
}
