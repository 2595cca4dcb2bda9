//! A commit as git stores it, taken apart into what was signed and the signature on it.
//!
//! git signs the whole object but for the header `gpgsig` itself. What git would read in more than one way is not read here:
//! two signatures, a second one for the other hash. Not here: whether a signature is any good ([`super::signers`]).

use manifests::id::CommitId;

/// What was signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The object without its signature.
    pub(crate) payload: Vec<u8>,
    /// The signature, armoured.
    pub(crate) armour: Vec<u8>,
}

/// Takes a commit's bytes apart; `None` when it carries no signature.
///
/// # Errors
/// When it is no commit, or carries more than one signature.
pub(crate) fn apart(commit: &[u8]) -> Result<Option<Signed>, &'static str> {
    if !commit.starts_with(b"tree ") {
        return Err("is no commit as git writes one");
    }
    let mut payload = Vec::with_capacity(commit.len());
    let mut armour: Option<Vec<u8>> = None;
    let mut rest = commit;
    let mut inside = false;
    while let Some(line) = next(&mut rest) {
        if line == b"\n" {
            // The message, whatever stands in it.
            payload.extend_from_slice(line);
            payload.extend_from_slice(rest);
            break;
        }
        match line.strip_prefix(b" ") {
            Some(more) if inside => armour.iter_mut().for_each(|armour| armour.extend_from_slice(more)),
            Some(_) => payload.extend_from_slice(line),
            None => {
                inside = false;
                if line.starts_with(b"gpgsig-sha256") {
                    return Err("carries a signature for the other hash too");
                } else if let Some(first) = line.strip_prefix(b"gpgsig ") {
                    if armour.is_some() {
                        return Err("carries two signatures");
                    }
                    (armour, inside) = (Some(first.to_vec()), true);
                } else {
                    payload.extend_from_slice(line);
                }
            }
        }
    }
    Ok(armour.map(|armour| Signed { payload, armour }))
}

/// A commit's parents; none of a history's first commit.
pub(crate) fn parents(commit: &[u8]) -> Vec<CommitId> {
    let headers = commit.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let parents = headers.filter_map(|line| line.strip_prefix(b"parent "));
    parents.filter_map(|parent| str::from_utf8(parent).ok()?.parse().ok()).collect()
}

/// The next line with its end.
pub(super) fn next<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
    let (line, more) = rest.split_at(end);
    *rest = more;
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n";

    #[track_caller]
    fn check(commit: &str, expect: Result<Option<(&str, &str)>, &str>) {
        let found = apart(commit.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = found.map(|signed| signed.map(|signed| (text(&signed.payload), text(&signed.armour))));
        let expect = expect.map(|signed| signed.map(|(payload, armour)| (payload.to_owned(), armour.to_owned())));
        assert_eq!(found, expect);
    }

    #[test]
    fn a_signature_is_taken_out_and_everything_else_stays() {
        let commit = format!("{HEAD}gpgsig BEGIN\n one\n \n END\nencoding x\n\nmessage\n");
        check(&commit, Ok(Some((&format!("{HEAD}encoding x\n\nmessage\n"), "BEGIN\none\n\nEND\n"))));
        check(&format!("{HEAD}\nmessage\n"), Ok(None));
        check(HEAD, Ok(None));
        check(&format!("{HEAD}gpgsig BEGIN"), Ok(Some((HEAD, "BEGIN"))));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        // In the message, in a continued header, under another name.
        check(&format!("{HEAD}\ngpgsig BEGIN\n"), Ok(None));
        check(&format!("{HEAD}mergetag object\n gpgsig BEGIN\n\nm\n"), Ok(None));
        check(&format!("{HEAD}gpgsig\tBEGIN\n\nm\n"), Ok(None));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        check(&format!("{HEAD}gpgsig A\ngpgsig B\n\nm\n"), Err("carries two signatures"));
        check(&format!("{HEAD}gpgsig A\ngpgsig-sha256 B\n\nm\n"), Err("carries a signature for the other hash too"));
        check("author A\ntree x\n\nm\n", Err("is no commit as git writes one"));
        check("", Err("is no commit as git writes one"));
    }
}
