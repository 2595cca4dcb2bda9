//! Patterns in which `*` stands for any text and `?` for any one letter, and ARNs that are patterns part by part.

/// Whether a text fits a pattern.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[t] => (p, t) = (p + 1, t + 1),
            // The last star takes one letter more.
            Some(_) | None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// Whether an ARN fits a pattern: no part of it reaches over a colon but the last.
pub(super) fn arn_fits(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (pattern, arn): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == 6 && arn.len() == 6 && pattern.iter().zip(&arn).all(|(pattern, part)| fits(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expect: bool) {
        assert_eq!(fits(pattern, text), expect, "{pattern} {text}");
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_letter() {
        check("*", "", true);
        check("a*c*e", "abcde", true);
        check("a*c*e", "abcd", false);
        check("*ab", "aab", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("", "a", false);
        check("abc*", "abc", true);
    }

    #[track_caller]
    fn check_arn(pattern: &str, arn: &str, expect: bool) {
        assert_eq!(arn_fits(pattern, arn), expect, "{pattern} {arn}");
    }

    #[test]
    fn no_part_of_an_arn_reaches_into_the_next() {
        check_arn("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", true);
        check_arn("arn:aws:*:1:stack/a", "arn:aws:cloudformation:eu:1:stack/a", false);
        check_arn("arn:aws:iam::*:role/a", "arn:aws:iam::1:role/a", true);
        check_arn("arn:aws:iam::1:role/a", "*", false);
        check_arn("*", "arn:aws:iam::1:role/a", true);
    }
}
