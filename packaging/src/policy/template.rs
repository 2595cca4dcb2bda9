//! The places for statements in a CloudFormation template: two comment lines, between which they are written.
//!
//! ```yaml
//! Statement:
//!   # begin: cargo x policy: agent
//!   # end: cargo x policy: agent
//! ```

use super::statement::Statement;

const BEGIN: &str = "# begin: cargo x policy: ";
const END: &str = "# end: cargo x policy: ";

/// A template with all its places filled; or the line of a place that can't be, and why.
pub(super) fn filled(text: &str, policies: &[(&'static str, Vec<Statement>)]) -> Result<String, (usize, String)> {
    let mut whole = String::new();
    let mut open: Option<(usize, &str)> = None;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        if let Some(name) = words.strip_prefix(BEGIN) {
            if let Some((_, other)) = open {
                return Err((number, format!("a place for `{name}` begins inside the one for `{other}`")));
            }
            let known = policies.iter().find(|(known, _)| *known == name);
            let Some((_, statements)) = known else { return Err((number, format!("there is no policy `{name}`"))) };
            open = Some((number, name));
            whole.push_str(&format!("{line}\n"));
            statements.iter().for_each(|statement| whole.push_str(&statement.yaml(indent)));
        } else if let Some(name) = words.strip_prefix(END) {
            if open.is_none_or(|(_, begun)| begun != name) {
                return Err((number, format!("a place for `{name}` ends here, and none has begun")));
            }
            open = None;
            whole.push_str(&format!("{line}\n"));
        } else if open.is_none() {
            whole.push_str(&format!("{line}\n"));
        }
    }
    match open {
        Some((number, name)) => Err((number, format!("the place for `{name}` has no end"))),
        None => Ok(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> Vec<(&'static str, Vec<Statement>)> {
        let conditions = [("StringLike", "aws:RequestedRegion", &["${Regions}"] as &[_])];
        let resource = ["arn:${AWS::Partition}:s3:::${Prefix}-*"];
        vec![("one", vec![Statement::allow(("Read", "because"), vec!["s3:GetObject"], &resource, &conditions)])]
    }

    #[test]
    fn a_place_is_filled_with_its_own_indentation_and_filling_it_again_changes_nothing() {
        let text = "A:\n  # begin: cargo x policy: one\n  - old\n  # end: cargo x policy: one\n  - by hand\n";
        let expect = "A:\n  # begin: cargo x policy: one\n  # because\n  - Sid: Read\n    Effect: Allow\n    Action:\n      - s3:GetObject\n    \
                      Resource:\n      - !Sub \"arn:${AWS::Partition}:s3:::${Prefix}-*\"\n    Condition:\n      StringLike:\n        \
                      aws:RequestedRegion: !Ref Regions\n  # end: cargo x policy: one\n  - by hand\n";
        let once = filled(text, &policies()).unwrap();
        assert_eq!(once, expect);
        assert_eq!(filled(&once, &policies()).unwrap(), once);
    }

    #[track_caller]
    fn refused(text: &str, line: usize, expect: &str) {
        let (number, why) = filled(text, &policies()).unwrap_err();
        assert!(number == line && why.contains(expect), "{number}: {why}");
    }

    #[test]
    fn a_place_that_is_none_is_told_with_its_line() {
        refused("# begin: cargo x policy: two\n", 1, "no policy `two`");
        refused("\n# begin: cargo x policy: one\n", 2, "no end");
        refused("# end: cargo x policy: one\n", 1, "none has begun");
        refused("# begin: cargo x policy: one\n# begin: cargo x policy: one\n", 2, "inside");
    }
}
