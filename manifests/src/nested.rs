//! The stacks nested in a template: where it says what they are made of, and the same text with other words there.
//!
//! Of a template's resources only those of type `AWS::CloudFormation::Stack` right below `Resources` are looked at, and of
//! those only a `TemplateURL` that is written out. What an intrinsic function makes of one (`!Sub`), an alias and a loop
//! (`Fn::ForEach`) are left as they are: only CloudFormation works those out.
//!
//! Not here: what lies at the paths, and any other property. `Code`, `CodeUri` and their like are not paths to anything
//! here; that is what `artifacts` is for.

use crate::{
    id::{Malformed, RepoPath},
    problem::Problem,
};
use granit_parser::{Event, Options, Parser, ScalarStyle, Span};
use std::{collections::BTreeMap, ops::Range};

const KIND: &str = "AWS::CloudFormation::Stack";

/// How deep lists and maps may stand in each other; a template that CloudFormation takes has far fewer.
const MAX_DEPTH: usize = 200;

/// What a template says of the stacks nested in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nested {
    /// Whether there is any.
    pub any: bool,
    /// Those whose templates are files, by their paths, in the order of the text.
    pub places: Vec<Place>,
}

/// A path in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the template that names it.
    pub path: String,
    /// The bytes of the template that say so, quotes included.
    pub span: Range<usize>,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Whether just these bytes say it, so that others can stand in their place.
    pub plain: bool,
}

impl Place {
    /// The file that is meant.
    ///
    /// # Errors
    /// When it is none of the repository, or others could not be put in its place.
    pub fn resolve(&self, template: &RepoPath) -> Result<RepoPath, Problem> {
        if !self.plain {
            let problem = self.problem(template, "`TemplateURL` is a path over several lines or with a tag".into());
            return Err(Problem { hint: Some("write the path on one line, with nothing else".into()), ..problem });
        }
        template.beside(&self.path).map_err(|malformed: Malformed| self.problem(template, malformed.to_string()))
    }

    /// What is wrong here.
    pub fn problem(&self, template: &RepoPath, message: String) -> Problem {
        let (line, column) = (self.line, self.column);
        Problem { file: template.clone(), line, column, message, hint: None, manifest: None }
    }
}

/// What a template says of nested stacks. Of one that can't be read to its end, what stands before that.
pub fn nested(text: &str) -> Nested {
    if !text.contains(KIND) {
        return Nested::default();
    }
    // JSON may be indented by tabs, which YAML forbids; there they stand only where a space does as well.
    let is_json = text.trim_start().starts_with('{') && text.contains('\t');
    let spaced = is_json.then(|| text.replace('\t', " "));
    let text = spaced.as_deref().unwrap_or(text);
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut walk = Walk { text, open: Vec::new(), found: BTreeMap::new(), any: false };
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, span)) = event else { break };
        walk.take(event, span);
    }
    let stacks = walk.found.into_values().filter(|resource| resource.stack);
    let mut places: Vec<Place> = stacks.filter_map(|resource| resource.place).collect();
    places.sort_by_key(|place| place.span.start);
    Nested { any: walk.any, places }
}

/// The same template with other words in these places; everything else stays, byte by byte.
pub fn with<'a>(text: &str, words: impl Iterator<Item = (&'a Place, &'a str)>) -> String {
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for (place, words) in words {
        made.push_str(&text[at..place.span.start]);
        made.push('"');
        made.push_str(words);
        made.push('"');
        at = place.span.end;
    }
    made.push_str(&text[at..]);
    made
}

/// A template while it is being read.
struct Walk<'a> {
    text: &'a str,
    open: Vec<Open>,
    /// By logical id.
    found: BTreeMap<String, Resource>,
    any: bool,
}

/// A list or map whose end has not been seen.
struct Open {
    map: bool,
    /// The key whose value comes next; `None` where a key comes next.
    key: Option<String>,
}

#[derive(Default)]
struct Resource {
    stack: bool,
    place: Option<Place>,
}

impl Walk<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, _, tag) => {
                if self.is_key() {
                    if let Some(open) = self.open.last_mut() {
                        open.key = Some(text.into_owned());
                    }
                    return;
                }
                self.scalar(&text, style, tag.is_some(), span);
                self.valued();
            }
            Event::SequenceStart(..) => self.open.push(Open { map: false, key: None }),
            Event::MappingStart(..) => self.open.push(Open { map: true, key: None }),
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                self.valued();
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) if self.is_key() => {
                if let Some(open) = self.open.last_mut() {
                    open.key = Some(String::new());
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.valued(),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..) => {}
            _ => {} // comments, if somebody else switches them on
        }
    }

    fn is_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.map && open.key.is_none())
    }

    /// A value has come to its end; a map or list as a key is none that is of interest here.
    fn valued(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.key = (open.map && open.key.is_none()).then(String::new);
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tagged: bool, span: Span) {
        let key = |open: &Open| open.key.clone().unwrap_or_default();
        self.any |= text == KIND && self.open.last().is_some_and(|open| open.key.as_deref() == Some("Type"));
        let keys: Vec<String> = self.open.iter().map(key).collect();
        match keys.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["Resources", logical, "Type"] => {
                self.found.entry(logical.to_owned()).or_default().stack = text == KIND;
            }
            ["Resources", logical, "Properties", "TemplateURL"] if !tagged && !text.contains("://") => {
                let place = self.place(text, style, span);
                self.found.entry(logical.to_owned()).or_default().place = place;
            }
            _ => {}
        }
    }

    fn place(&self, text: &str, style: ScalarStyle, span: Span) -> Option<Place> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = (number(span.start.line()), number(span.start.col()).saturating_add(1));
        let span = span.byte_range()?;
        let written = self.text.get(span.clone())?;
        let within = |quote: char| written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let plain = match style {
            ScalarStyle::Plain => written == text,
            ScalarStyle::SingleQuoted => within('\'').is_some() && !written.contains('\n'),
            ScalarStyle::DoubleQuoted => within('"').is_some() && !written.contains('\n'),
            ScalarStyle::Literal | ScalarStyle::Folded => false,
        };
        Some(Place { path: text.to_owned(), span, line, column, plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that are found, each with its place; and the text with `https://x` in place of each.
    #[track_caller]
    fn check(text: &str, paths: &[(&str, u32, u32)], replaced: &str) {
        let Nested { any, places } = nested(text);
        let found: Vec<(&str, u32, u32)> =
            places.iter().map(|place| (place.path.as_str(), place.line, place.column)).collect();
        assert_eq!((any, found), (true, paths.to_vec()), "{text}");
        assert_eq!(with(text, places.iter().map(|place| (place, "https://x"))), replaced);
    }

    #[test]
    fn a_path_is_replaced_and_nothing_else_is_touched() {
        check(
            "Resources:\n  A: # ä\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: ./a.yaml # here\n",
            &[("./a.yaml", 5, 20)],
            "Resources:\n  A: # ä\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: \"https://x\" # here\n",
        );
        check(
            "Resources: {ä: {Properties: {TemplateURL: 'a b.yaml', X: !Sub 'y'}, Type: 'AWS::CloudFormation::Stack'}}",
            &[("a b.yaml", 1, 43)],
            "Resources: {ä: {Properties: {TemplateURL: \"https://x\", X: !Sub 'y'}, Type: 'AWS::CloudFormation::Stack'}}",
        );
        check(
            "{\n\t\"Resources\": {\"A\": {\n\t\t\"Type\": \"AWS::CloudFormation::Stack\",\n\t\t\"Properties\": {\"TemplateURL\": \"a.json\"}}}}",
            &[("a.json", 4, 33)],
            "{\n\t\"Resources\": {\"A\": {\n\t\t\"Type\": \"AWS::CloudFormation::Stack\",\n\t\t\"Properties\": {\"TemplateURL\": \"https://x\"}}}}",
        );
    }

    #[test]
    fn two_nested_stacks_may_be_made_of_one_file() {
        let one = |name: &str, url: &str| {
            format!("  {name}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: {url}}}}}\n")
        };
        let all = |url: &str| format!("Resources:\n{}{}", one("B", url), one("A", url));
        check(&all("a.yaml"), &[("a.yaml", 2, 67), ("a.yaml", 3, 67)], &all("\"https://x\""));
    }

    /// A template in which a nested stack's `TemplateURL` stands like this.
    fn nested_as(url: &str) -> String {
        format!(
            "Resources:\n  A:\n    Type: AWS::CloudFormation::Stack\n    Properties: {{TemplateURL: {url}, TimeoutInMinutes: 5}}\n"
        )
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        for url in ["https://b.s3.amazonaws.com/k", "s3://b/k", "!Sub 'https://${B}/k'", "{Ref: Url}", "!Ref Url"] {
            let text = nested_as(url);
            check(&text, &[], &text);
        }
        let other =
            "Resources: {A: {Type: AWS::S3::Bucket, Properties: {TemplateURL: a.yaml}}} # AWS::CloudFormation::Stack";
        assert_eq!(nested(other), Nested::default());
        let elsewhere = "Metadata: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: a.yaml}}}";
        assert_eq!(nested(elsewhere).places, []);
        let looped = "Resources:\n  Fn::ForEach::All: [A, [b], {'S${A}': {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: a.yaml}}}]";
        assert_eq!(nested(looped), Nested { any: true, places: vec![] });
    }

    #[test]
    fn what_could_not_be_replaced_is_told_with_its_place() {
        let text = "Resources:\n  A:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: >-\n        ./a.yaml\n";
        let place = &nested(text).places[0];
        let told = place.resolve(&"t/parent.yaml".parse().unwrap()).unwrap_err().to_string();
        assert!(told.starts_with("t/parent.yaml:6:9: ") && told.contains("one line"), "{told}");
        let escaping = &nested(&nested_as("../../a.yaml")).places[0];
        let told = escaping.resolve(&"t/parent.yaml".parse().unwrap()).unwrap_err().to_string();
        assert!(told.starts_with("t/parent.yaml:4:31: ") && told.contains("out of the repository"), "{told}");
    }

    #[test]
    fn a_template_that_is_none_has_no_nested_stack() {
        for text in
            ["", "AWS::CloudFormation::Stack", "[AWS::CloudFormation::Stack", "? {a: b}\n: AWS::CloudFormation::Stack"]
        {
            assert_eq!(nested(text).places, [], "{text}");
        }
        let deep = format!("AWS::CloudFormation::Stack: {}", "[".repeat(100_000));
        assert_eq!(nested(&deep).places, []);
    }
}
