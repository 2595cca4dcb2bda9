//! The writer of XML answers. An element that has nothing to say is left out, never written empty, as AWS does.

use jiff::Timestamp;
use std::fmt::{Display, Write as _};

/// An XML document in the making.
#[derive(Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// The whole answer of a query action: `<ActionResponse><ActionResult>…</ActionResult><ResponseMetadata>…`.
    ///
    /// # Errors
    /// Those of `result`.
    pub fn answer<E>(
        action: &str,
        namespace: &str,
        request: &str,
        result: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut xml = Self::default();
        xml.push(format_args!("<{action}Response xmlns=\"{namespace}\"><{action}Result>"));
        result(&mut xml)?;
        xml.push(format_args!("</{action}Result>"));
        xml.element("ResponseMetadata", |x| x.text("RequestId", request));
        xml.push(format_args!("</{action}Response>"));
        Ok(xml.0)
    }

    /// A document with one root element, in a namespace or in none, after an XML declaration.
    pub fn document(root: &str, namespace: Option<&str>, body: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self::default();
        xml.push(format_args!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}"));
        if let Some(namespace) = namespace {
            xml.push(format_args!(" xmlns=\"{namespace}\""));
        }
        xml.push(format_args!(">"));
        body(&mut xml);
        xml.push(format_args!("</{root}>"));
        xml.0
    }

    /// `<name>…</name>`.
    pub fn element(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        self.push(format_args!("<{name}>"));
        body(self);
        self.push(format_args!("</{name}>"));
    }

    /// `<name>value</name>`, escaped.
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.element(name, |x| x.say(&value.to_string()));
    }

    /// The text of the element that is being written, escaped.
    pub fn say(&mut self, value: &str) {
        self.push(format_args!("{}", quick_xml::escape::partial_escape(value)));
    }

    /// [`Self::text`] if there is a value, nothing at all otherwise.
    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// [`Self::maybe`] for a text of which "empty" means "absent".
    pub fn filled(&mut self, name: &str, value: &str) {
        self.maybe(name, Some(value).filter(|v| !v.is_empty()));
    }

    /// A timestamp in ISO 8601 with milliseconds.
    pub fn time(&mut self, name: &str, value: Timestamp) {
        self.text(name, iso(value));
    }

    /// [`Self::time`] if there is one.
    pub fn maybe_time(&mut self, name: &str, value: Option<Timestamp>) {
        self.maybe(name, value.map(iso));
    }

    /// `<name><member>…</member>…</name>`.
    pub fn members<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.element(name, |x| items.into_iter().for_each(|item| x.element("member", |x| each(x, item))));
    }

    /// [`Self::members`] of plain texts.
    pub fn texts<T: Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.element(name, |x| items.into_iter().for_each(|item| x.text("member", item)));
    }

    /// [`Self::members`], or nothing at all for an empty list.
    pub fn some_members<T>(&mut self, name: &str, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        if !items.is_empty() {
            self.members(name, items, |x, item| each(x, item));
        }
    }

    /// [`Self::texts`], or nothing at all for an empty list.
    pub fn some_texts<T: Display>(&mut self, name: &str, items: &[T]) {
        if !items.is_empty() {
            self.texts(name, items);
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes everything");
    }
}

/// `2026-11-21T03:55:43.120Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_carries_its_result_and_its_request() {
        let said = |x: &mut Xml| {
            x.text("Said", "a < b & \"c\"\r\n");
            Ok::<_, ()>(())
        };
        let answer = Xml::answer("Ping", "urn:x", "r-1", said).unwrap();
        assert_eq!(
            answer,
            "<PingResponse xmlns=\"urn:x\"><PingResult><Said>a &lt; b &amp; \"c\"&#13;\n</Said></PingResult>\
             <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PingResponse>"
        );
    }

    #[test]
    fn what_is_absent_leaves_no_element() {
        let mut xml = Xml::default();
        xml.maybe("A", None::<&str>);
        xml.filled("B", "");
        xml.texts("C", Vec::<String>::new());
        assert_eq!(xml.0, "<C></C>");
    }

    #[test]
    fn time_has_milliseconds_even_when_they_are_zero() {
        assert_eq!(iso(Timestamp::from_second(0).unwrap()), "1970-01-01T00:00:00.000Z");
    }
}
