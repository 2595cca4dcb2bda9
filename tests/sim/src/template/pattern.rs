//! Regular expressions, the part of them that templates' `AllowedPattern`s use: characters, `.`, classes, groups,
//! alternatives, `* + ? {n,m}`, anchors, `\d \w \s`. A pattern always covers the whole text, as in CloudFormation.

#[derive(Debug, Clone)]
enum Node {
    /// Ranges, and whether they are excluded.
    Class(Vec<(char, char)>, bool),
    Group(Vec<Vec<Node>>),
    Repeat(Box<Node>, usize, usize),
}

/// Whether the text fits; `None` when the pattern is beyond this matcher.
pub(crate) fn fits(pattern: &str, text: &str) -> Option<bool> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    let branches = alternatives(&chars, &mut at)?;
    if at != chars.len() {
        return None;
    }
    let text: Vec<char> = text.chars().collect();
    Some(ends(&Node::Group(branches), &text, 0).contains(&text.len()))
}

fn alternatives(p: &[char], at: &mut usize) -> Option<Vec<Vec<Node>>> {
    let mut branches = vec![vec![]];
    while let Some(&c) = p.get(*at) {
        match c {
            ')' => break,
            '|' => {
                *at += 1;
                branches.push(vec![]);
                continue;
            }
            '^' | '$' => {
                *at += 1;
                continue;
            }
            _ => {}
        }
        let node = atom(p, at)?;
        let node = repeat(node, p, at)?;
        branches.last_mut()?.push(node);
    }
    Some(branches)
}

fn atom(p: &[char], at: &mut usize) -> Option<Node> {
    let c = *p.get(*at)?;
    *at += 1;
    match c {
        '.' => Some(Node::Class(vec![('\n', '\n')], true)),
        '[' => class(p, at),
        '\\' => escape(p, at).map(|(ranges, not)| Node::Class(ranges, not)),
        '(' => {
            if p.get(*at) == Some(&'?') {
                if p.get(*at + 1) != Some(&':') {
                    return None;
                }
                *at += 2;
            }
            let inner = alternatives(p, at)?;
            (p.get(*at) == Some(&')')).then(|| *at += 1)?;
            Some(Node::Group(inner))
        }
        '*' | '+' | '?' | '{' => None,
        c => Some(Node::Class(vec![(c, c)], false)),
    }
}

fn escape(p: &[char], at: &mut usize) -> Option<(Vec<(char, char)>, bool)> {
    let c = *p.get(*at)?;
    *at += 1;
    let word = vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
    let space = vec![(' ', ' '), ('\t', '\r')];
    match c {
        'd' => Some((vec![('0', '9')], false)),
        'D' => Some((vec![('0', '9')], true)),
        'w' => Some((word, false)),
        'W' => Some((word, true)),
        's' => Some((space, false)),
        'S' => Some((space, true)),
        c if c.is_ascii_alphanumeric() => None,
        c => Some((vec![(c, c)], false)),
    }
}

fn class(p: &[char], at: &mut usize) -> Option<Node> {
    let not = p.get(*at) == Some(&'^');
    *at += usize::from(not);
    let mut ranges = vec![];
    loop {
        let c = *p.get(*at)?;
        *at += 1;
        match c {
            ']' if !ranges.is_empty() => return Some(Node::Class(ranges, not)),
            '\\' => match escape(p, at)? {
                (inner, false) => ranges.extend(inner),
                (_, true) => return None,
            },
            c if p.get(*at) == Some(&'-') && p.get(*at + 1).is_some_and(|end| *end != ']') => {
                ranges.push((c, *p.get(*at + 1)?));
                *at += 2;
            }
            c => ranges.push((c, c)),
        }
    }
}

fn repeat(node: Node, p: &[char], at: &mut usize) -> Option<Node> {
    let (least, most) = match p.get(*at) {
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('?') => (0, 1),
        Some('{') => {
            let end = p.iter().skip(*at).position(|c| *c == '}')? + *at;
            let inner: String = p.get(*at + 1..end)?.iter().collect();
            *at = end;
            match inner.split_once(',') {
                None => (inner.parse().ok()?, inner.parse().ok()?),
                Some((least, "")) => (least.parse().ok()?, usize::MAX),
                Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
            }
        }
        _ => return Some(node),
    };
    *at += 1;
    Some(Node::Repeat(Box::new(node), least, most))
}

/// Every place where a match of the node that begins at `start` can end.
fn ends(node: &Node, text: &[char], start: usize) -> std::collections::BTreeSet<usize> {
    match node {
        Node::Class(ranges, not) => {
            let fits = text.get(start).is_some_and(|c| ranges.iter().any(|(a, b)| (a..=b).contains(&c)) != *not);
            fits.then_some(start + 1).into_iter().collect()
        }
        Node::Group(branches) => branches
            .iter()
            .flat_map(|branch| {
                branch.iter().fold(std::collections::BTreeSet::from([start]), |starts, node| {
                    starts.into_iter().flat_map(|start| ends(node, text, start)).collect()
                })
            })
            .collect(),
        Node::Repeat(inner, least, most) => {
            let mut all = std::collections::BTreeSet::new();
            let mut now = std::collections::BTreeSet::from([start]);
            for round in 0..=*most {
                if round >= *least {
                    let known = all.len();
                    all.extend(now.iter().copied());
                    if all.len() == known {
                        break;
                    }
                }
                now = now.into_iter().flat_map(|start| ends(inner, text, start)).collect();
                if now.is_empty() {
                    break;
                }
            }
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_of_real_templates_are_matched() {
        let check =
            |pattern: &str, text: &str, fit: Option<bool>| assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        check("[a-z][a-z0-9-]*", "web-1", Some(true));
        check("[a-z][a-z0-9-]*", "Web", Some(false));
        check("^arn:aws[a-z-]*:sns:.+$", "arn:aws:sns:x", Some(true));
        check(r"\d{12}", "123456789012", Some(true));
        check(r"\d{12}", "12345678901", Some(false));
        check("(dev|prod)(-[a-z]+)?", "prod-eu", Some(true));
        check("(dev|prod)(-[a-z]+)?", "stage", Some(false));
        check("(?=x)y", "y", None);
    }
}
