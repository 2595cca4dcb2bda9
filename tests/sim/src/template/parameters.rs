//! From the parameters of a request to values: defaults, previous values, constraints, SSM.
//!
//! Patterns (`AllowedPattern`) are matched by a small matcher of the constructs that templates use; a pattern that it
//! does not know is not enforced.

use super::{Declared, Template};
use crate::cfn::api::Parameter;
use serde_json::Value;
use std::collections::BTreeMap;

/// A parameter with all that CloudFormation keeps of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// As it was given: for an SSM parameter, its name.
    pub text: String,
    /// What an SSM parameter's name stood for.
    pub resolved: Option<String>,
    /// What `Ref` gives.
    pub value: Value,
    /// Whether answers mask it.
    pub no_echo: bool,
}

/// Resolves every parameter of a template. `previous` is what the stack has, `ssm` reads an SSM parameter.
///
/// # Errors
/// CloudFormation's sentence.
pub fn resolve(
    template: &Template,
    given: &[Parameter],
    previous: &BTreeMap<String, Given>,
    ssm: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, Given>, String> {
    let unknown: Vec<&str> =
        given.iter().map(|p| p.key.as_str()).filter(|key| !template.parameters.contains_key(*key)).collect();
    if !unknown.is_empty() {
        return Err(format!("Parameters: [{}] do not exist in the template", unknown.join(", ")));
    }
    let mut values = BTreeMap::new();
    let mut missing = vec![];
    for (name, declared) in &template.parameters {
        let text = match given.iter().find(|p| p.key == *name) {
            Some(p) if p.use_previous_value => match previous.get(name) {
                Some(previous) => Some(previous.text.clone()),
                None => {
                    return Err(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    ));
                }
            },
            Some(p) => p.value.clone(),
            None => declared.default.clone(),
        };
        match text {
            Some(text) => {
                values.insert(name.clone(), one(name, declared, text, &ssm)?);
            }
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() { Ok(values) } else { Err(format!("Parameters: [{}] must have values", missing.join(", "))) }
}

fn one(name: &str, declared: &Declared, text: String, ssm: impl Fn(&str) -> Option<String>) -> Result<Given, String> {
    constraints(name, declared, &text)?;
    let inner = declared.kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|kind| kind.strip_suffix('>'));
    let resolved = match inner {
        None => None,
        Some(_) => Some(
            ssm(&text)
                .ok_or_else(|| format!("Unable to fetch parameters [{text}] from parameter store for this account."))?,
        ),
    };
    let plain = resolved.as_deref().unwrap_or(&text);
    let kind = inner.unwrap_or(&declared.kind);
    let value = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        plain.split(',').map(|part| part.trim().to_owned()).collect()
    } else {
        Value::String(plain.to_owned())
    };
    Ok(Given { text, resolved, value, no_echo: declared.no_echo })
}

fn constraints(name: &str, declared: &Declared, text: &str) -> Result<(), String> {
    let refused = |rule: String| {
        Err(match &declared.constraint {
            Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
            None => rule,
        })
    };
    if text.len() > 4096 {
        return Err(format!("Parameter {name} exceeds maximum length of 4096 bytes"));
    }
    let items: Vec<&str> =
        if declared.kind == "CommaDelimitedList" { text.split(',').map(str::trim).collect() } else { vec![text] };
    let allowed = |item: &&str| declared.allowed_values.iter().any(|allowed| allowed == item);
    if !declared.allowed_values.is_empty() && !items.iter().all(allowed) {
        return refused(format!("Parameter '{name}' must be one of AllowedValues"));
    }
    if let Some(pattern) = &declared.allowed_pattern
        && pattern::fits(pattern, text) == Some(false)
    {
        return refused(format!("Parameter {name} failed to satisfy constraint: must match pattern {pattern}"));
    }
    let length = text.chars().count() as u64;
    if declared.length.0.is_some_and(|least| length < least) || declared.length.1.is_some_and(|most| length > most) {
        return refused(format!(
            "Parameter '{name}' must contain at least {} and at most {} characters",
            declared.length.0.unwrap_or(0),
            declared.length.1.unwrap_or(4096)
        ));
    }
    if declared.kind == "Number" {
        let Ok(number) = text.parse::<f64>() else { return refused(format!("Parameter '{name}' must be a number.")) };
        if declared.range.0.is_some_and(|least| number < least) || declared.range.1.is_some_and(|most| number > most) {
            return refused(format!("Parameter '{name}' must be a number within its MinValue and MaxValue"));
        }
    }
    Ok(())
}

mod pattern {
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
    pub(super) fn fits(pattern: &str, text: &str) -> Option<bool> {
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
}
