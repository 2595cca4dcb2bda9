//! What somebody asked for: an address with its filters, taken apart and put together again.
//!
//! Not here: what there is to ask for ([`crate::shown`]).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// How it is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Json,
    Csv,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its parts.
    pub(crate) parts: Vec<String>,
    query: Vec<(String, String)>,
    pub(crate) form: Form,
}

impl Asked {
    /// Of an address as it came: `/accounts.csv?state=failed` is `/accounts?state=failed&format=csv`.
    pub(crate) fn of(path: &str, query: &str) -> Self {
        let mut form = Form::Html;
        let mut parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        if let Some(last) = parts.last_mut() {
            for (end, kind) in [(".json", Form::Json), (".csv", Form::Csv)] {
                if let Some(name) = last.strip_suffix(end) {
                    (*last, form) = (name.to_owned(), kind);
                    break;
                }
            }
        }
        let mut query: Vec<(String, String)> =
            pairs(query).filter(|(name, value)| !value.is_empty() || name == "ring").take(50).collect();
        match query.iter().find(|(name, _)| name == "format").map(|(_, value)| value.as_str()) {
            Some("json") => form = Form::Json,
            Some("csv") => form = Form::Csv,
            Some(_) | None => {}
        }
        query.retain(|(name, _)| name != "format");
        Self { parts, query, form }
    }

    /// The same with this filter too.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// The same filters at another address.
    pub(crate) fn at(self, parts: &[&str]) -> Self {
        Self { parts: parts.iter().map(|part| (*part).to_owned()).collect(), ..self }
    }

    /// What a filter was given, if it was.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The names of its filters.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// Everything that a filter was given.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same address with this filter instead, from its beginning.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> String {
        let kept = self.query.iter().filter(|(known, _)| known != name && (known != "after" || name == "format"));
        let pair = |name: &str, value: &str| format!("{}={}", encoded(name), encoded(value));
        let pairs: Vec<String> =
            kept.map(|(name, value)| pair(name, value)).chain(value.map(|value| pair(name, value))).collect();
        let path: String = self.parts.iter().map(|part| format!("/{}", encoded(part))).collect();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
    }

    /// The same with no other filters than these.
    pub(crate) fn of_these(&self, names: &[&str]) -> Self {
        let mut asked = self.clone();
        asked.query.retain(|(name, _)| names.contains(&name.as_str()));
        asked
    }

    /// The same part of the same list, but after this.
    pub(crate) fn after(&self, next: &str) -> Self {
        let mut asked = self.clone();
        asked.query.retain(|(name, _)| name != "after");
        asked.query.push(("after".into(), next.into()));
        asked
    }

    /// Whether it is at this address, or below it.
    pub(crate) fn is_below(&self, address: &str) -> bool {
        self.parts.first().map_or("", String::as_str) == address.trim_start_matches('/')
    }
}

/// The names and values of a query, or of a form.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decoded(&text.replace('+', " "));
        (plain(name), plain(value))
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What the fields of a form leave as it is; some read no other way what they gave out themselves.
const FORM: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// A text as a field of a form.
pub(crate) fn plain(text: &str) -> String {
    utf8_percent_encode(text, &FORM).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        let check = |path: &str, query: &str, parts: &[&str], form: Form, again: &str| {
            let asked = Asked::of(path, query);
            assert_eq!(
                (asked.parts.iter().map(String::as_str).collect::<Vec<_>>(), asked.form),
                (parts.to_vec(), form)
            );
            assert_eq!(asked.with("x", None), again, "{path}?{query}");
        };
        check("/", "", &[], Form::Html, "/");
        check(
            "/accounts.csv",
            "state=failed&state=held",
            &["accounts"],
            Form::Csv,
            "/accounts?state=failed&state=held",
        );
        check("/accounts", "format=json&after=1", &["accounts"], Form::Json, "/accounts");
        check("/stacks/a%2Fb.json", "", &["stacks", "a/b"], Form::Json, "/stacks/a%2Fb");
        check("//search//", "q=a+b%26&x=1&", &["search"], Form::Html, "/search?q=a%20b%26");
        check("/%ff", "%ff=%ff", &["\u{fffd}"], Form::Html, "/%EF%BF%BD?%EF%BF%BD=%EF%BF%BD");
    }

    #[test]
    fn another_form_of_a_page_is_of_the_same_part_of_the_list() {
        let asked = Asked::of("/accounts", "after=5.1.2&ring=a");
        assert_eq!(asked.with("format", Some("csv")), "/accounts?after=5%2E1%2E2&ring=a&format=csv");
        assert_eq!(asked.with("ring", Some("b")), "/accounts?ring=b");
    }
}
