//! What has changed between two texts, as `git apply` takes it.
//!
//! Not here: files that come, go or change their names.

use std::{fmt::Write, ops::Range};

/// How many unchanged lines are shown around what has changed.
const CONTEXT: usize = 3;

/// Texts with more changed lines than this are shown as all old and all new between their first and last change.
const MOST: usize = 1_000;

/// A unified diff; empty when nothing differs.
pub fn diff(path: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let lines = lines(&old, &new);
    let mut text = String::new();
    let mut from = 0;
    while let Some(first) = lines[from..].iter().position(Line::is_change).map(|at| from + at) {
        let mut last = first;
        while let Some(next) = lines[last + 1..].iter().position(Line::is_change).filter(|gap| *gap <= 2 * CONTEXT) {
            last += next + 1;
        }
        let begin = first.saturating_sub(CONTEXT).max(from);
        let end = (last + 1 + CONTEXT).min(lines.len());
        if text.is_empty() {
            text = format!("--- {}\n+++ {}\n", name("a", path), name("b", path));
        }
        hunk(&mut text, &lines, begin..end);
        from = end;
    }
    text
}

/// A line of one text or of both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Both(&'t str),
    Old(&'t str),
    New(&'t str),
}

impl Line<'_> {
    fn is_change(&self) -> bool {
        match self {
            Self::Both(_) => false,
            Self::Old(_) | Self::New(_) => true,
        }
    }
}

fn hunk(text: &mut String, lines: &[Line<'_>], range: Range<usize>) {
    let old = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::New(_))).count();
    let new = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::Old(_))).count();
    let (above, shown) = (&lines[..range.start], &lines[range]);
    let start = |above: usize, count: usize| if count == 0 { above } else { above + 1 };
    let (old_count, new_count) = (old(shown), new(shown));
    let (old_start, new_start) = (start(old(above), old_count), start(new(above), new_count));
    let _ = writeln!(text, "@@ -{old_start},{old_count} +{new_start},{new_count} @@");
    for line in shown {
        let (sign, line) = match line {
            Line::Both(line) => (' ', line),
            Line::Old(line) => ('-', line),
            Line::New(line) => ('+', line),
        };
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A path as git writes it: in quotes if it could not be told otherwise, and before a tab if it has a space.
fn name(side: &str, path: &str) -> String {
    if !path.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
        return format!("{side}/{path}{}", if path.contains(' ') { "\t" } else { "" });
    }
    let quoted = path.bytes().map(|byte| match byte {
        b'"' => "\\\"".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\{other:03o}"),
    });
    format!("\"{side}/{}\"", quoted.collect::<String>())
}

/// All lines of both, the common ones once.
fn lines<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (one, other) = (&old[head..], &new[head..]);
    let tail = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[..one.len() - tail], &other[..other.len() - tail]);
    let mut lines: Vec<Line<'t>> = old[..head].iter().map(|line| Line::Both(line)).collect();
    let (mut x, mut y) = (0, 0);
    for (common_x, common_y) in common(one, other).into_iter().chain([(one.len(), other.len())]) {
        lines.extend(one[x..common_x].iter().map(|line| Line::Old(line)));
        lines.extend(other[y..common_y].iter().map(|line| Line::New(line)));
        lines.extend(one.get(common_x).map(|line| Line::Both(line)));
        (x, y) = (common_x + 1, common_y + 1);
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Both(line)));
    lines
}

/// The longest run of lines that both have, by their numbers (E. Myers, "An O(ND) difference algorithm", 1986): `reach[k]`
/// is how far the first text is read on the diagonal `k`, on which as many more lines of it are read than of the second.
fn common(one: &[&str], other: &[&str]) -> Vec<(usize, usize)> {
    let most = (one.len() + other.len()).min(MOST);
    let middle = most + 1;
    let mut reach = vec![0_usize; 2 * middle + 1];
    let mut trace = Vec::new();
    for edits in 0..=most {
        trace.push(reach[middle - edits..=middle + edits].to_vec());
        for k in (middle - edits..=middle + edits).step_by(2) {
            let down = k == middle - edits || (k != middle + edits && reach[k - 1] < reach[k + 1]);
            let mut x = if down { reach[k + 1] } else { reach[k - 1] + 1 };
            // A diagonal that leaves the second text's beginning or the texts themselves is none.
            let Some(mut y) = (x + middle).checked_sub(k) else { continue };
            while x < one.len() && y < other.len() && one[x] == other[y] {
                (x, y) = (x + 1, y + 1);
            }
            reach[k] = x;
            if x >= one.len() && y >= other.len() {
                return back(&trace, (one.len(), other.len()));
            }
        }
    }
    Vec::new()
}

/// The way back through what was reached with each number of edits, as the lines that both texts have on it.
fn back(trace: &[Vec<usize>], (mut x, mut y): (usize, usize)) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (edits, reach) in trace.iter().enumerate().rev() {
        let diagonal = x + edits - y;
        let down = diagonal == 0 || (diagonal != 2 * edits && reach[diagonal - 1] < reach[diagonal + 1]);
        let from = match (edits, down) {
            (0, _) => 0,
            (_, true) => reach[diagonal + 1],
            (_, false) => reach[diagonal - 1] + 1,
        };
        while x > from {
            (x, y) = (x - 1, y - 1);
            found.push((x, y));
        }
        match (edits, down) {
            (0, _) => {}
            (_, true) => y -= 1,
            (_, false) => x -= 1,
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path, process::Command};

    #[track_caller]
    fn check(before: &str, after: &str, hunks: &str) {
        assert_eq!(diff("x", before, after), format!("--- a/x\n+++ b/x\n{hunks}"));
    }

    #[test]
    fn what_has_changed_is_shown_with_three_lines_around_it() {
        let abc = "a\nb\nc\nd\ne\nf\n";
        assert_eq!(diff("x", abc, abc), "");
        check(abc, &abc.replace('e', "E"), "@@ -2,5 +2,5 @@\n b\n c\n d\n-e\n+E\n f\n");
        check(abc, &abc.replace("a\n", ""), "@@ -1,4 +1,3 @@\n-a\n b\n c\n d\n");
        check("", "a\n", "@@ -0,0 +1,1 @@\n+a\n");
        check("a", "a\n", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
        check("a\r\n", "b\r\n", "@@ -1,1 +1,1 @@\n-a\r\n+b\r\n");
    }

    #[test]
    fn what_lies_close_is_one_hunk() {
        let lines = |changed: &[usize]| -> String {
            (1..=30).map(|n| if changed.contains(&n) { "x\n".to_owned() } else { format!("{n}\n") }).collect()
        };
        let hunks = |changed: &[usize]| diff("x", &lines(&[]), &lines(changed)).matches("@@ -").count();
        assert_eq!(hunks(&[5, 12]), 1);
        assert_eq!(hunks(&[5, 13]), 2);
        assert_eq!(hunks(&[1, 30]), 2);
    }

    #[test]
    fn odd_paths_are_written_as_git_writes_them() {
        let first = |path| diff(path, "a", "b").lines().next().unwrap().to_owned();
        assert_eq!(first("é/x"), "--- a/é/x");
        assert_eq!(first("a b"), "--- a/a b\t");
        assert_eq!(first("a\"b\t\\é"), r#"--- "a/a\"b\011\\\303\251""#);
    }

    /// Whether git makes the one of the other.
    #[track_caller]
    fn applies(folder: &Path, path: &str, before: &str, after: &str) {
        let diff = diff(path, before, after);
        fs::write(folder.join(path), before).unwrap();
        fs::write(folder.join("the.diff"), &diff).unwrap();
        let mut git = Command::new("git");
        let git = git.args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "the.diff"]);
        let git = git.current_dir(folder).env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap());
        match git.status() {
            Ok(status) => assert!(status.success(), "{diff}"),
            Err(_) => return println!("SKIPPED: there is no git"),
        }
        assert_eq!(fs::read_to_string(folder.join(path)).unwrap(), after);
    }

    #[test]
    fn git_applies_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for round in 0..60 {
            let count = next(40);
            let before: Vec<String> = (0..count).map(|_| format!("line {}", next(6))).collect();
            let mut after = before.clone();
            for _ in 0..=next(5) {
                let at = usize::try_from(next(u32::try_from(after.len()).unwrap() + 1)).unwrap();
                match next(2) {
                    0 if at < after.len() => drop(after.remove(at)),
                    _ => after.insert(at, format!("line {}", next(6))),
                }
            }
            let line_end = if round % 2 == 0 { "\n" } else { "\r\n" };
            let ended = |lines: &[String], ended: bool| {
                lines.join(line_end) + if ended && !lines.is_empty() { line_end } else { "" }
            };
            let (before, after) = (ended(&before, next(3) > 0), ended(&after, next(3) > 0));
            if before.is_empty() || after.is_empty() || before == after {
                continue; // a file that comes or goes is none of ours
            }
            let path = ["x.yaml", "a b.yaml", "é\"q.yaml"][round % 3];
            applies(folder.path(), path, &before, &after);
        }
    }

    #[test]
    fn texts_that_have_nothing_in_common_cost_little() {
        let text = |word: &str| (0..20_000).map(|n| format!("{word} {n}\n")).collect::<String>();
        let diff = diff("x", &text("old"), &text("new"));
        assert!(diff.starts_with("--- a/x\n+++ b/x\n@@ -1,20000 +1,20000 @@\n-old 0\n"));
        assert_eq!(diff.lines().count(), 40_003);
    }
}
