//! Listings of parameters, page by page.

use super::{KIND, arn, seconds, shown};
use crate::{
    fault::Refusal,
    services::{Place, invalid, refused},
    store::{Resource, Store},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Describe {
    #[serde(default)]
    parameter_filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

pub(super) fn by_path(store: &Store, at: &Place<'_>, asked: &ByPath) -> Result<Value, Refusal> {
    if !asked.path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The path must begin with a forward slash \"/\".",
        ));
    }
    let prefix = format!("{}/", asked.path.trim_end_matches('/'));
    let below = |name: &str| name.strip_prefix(&prefix).is_some_and(|rest| asked.recursive || !rest.contains('/'));
    let all = store.of_kind(at.region, KIND).filter(|(name, _)| below(name));
    let all: Vec<_> = all.map(|(name, r)| (name.to_owned(), shown(at, name, r, "", asked.with_decryption))).collect();
    let (page, next) = page(all, asked.next_token.as_deref(), asked.max_results, 10)?;
    Ok(with_token(json!({ "Parameters": page }), next))
}

pub(super) fn describe(store: &Store, at: &Place<'_>, asked: &Describe) -> Result<Value, Refusal> {
    if let Some(odd) =
        asked.parameter_filters.iter().find(|f| !["Name", "Type", "Path", "Tier"].contains(&f.key.as_str()))
    {
        return Err(refused("InvalidFilterKey", format!("The filter {} is not simulated.", odd.key)));
    }
    let all =
        store.of_kind(at.region, KIND).filter(|(name, r)| asked.parameter_filters.iter().all(|f| f.admits(name, r)));
    let shown = |name: &str, r: &Resource| {
        let mut shown = json!({
            "Name": name,
            "ARN": arn(at, name),
            "Type": r.text("Type").unwrap_or("String"),
            "LastModifiedDate": seconds(r.modified),
            "LastModifiedUser": format!("arn:aws:iam::{}:root", at.account),
            "Version": r.version,
            "Tier": r.text("Tier").unwrap_or("Standard"),
            "Policies": [],
            "DataType": r.text("DataType").unwrap_or("text"),
        });
        if let Some(text) = r.text("Description") {
            shown["Description"] = text.into();
        }
        shown
    };
    let all: Vec<_> = all.map(|(name, r)| (name.to_owned(), shown(name, r))).collect();
    let (page, next) = page(all, asked.next_token.as_deref(), asked.max_results, 50)?;
    Ok(with_token(json!({ "Parameters": page }), next))
}

impl Filter {
    fn admits(&self, name: &str, resource: &Resource) -> bool {
        let subject = match self.key.as_str() {
            "Type" => resource.text("Type").unwrap_or("String"),
            "Tier" => resource.text("Tier").unwrap_or("Standard"),
            _ => name,
        };
        self.values.iter().any(|value| match (self.key.as_str(), self.option.as_deref()) {
            ("Path", option) => {
                let rest = subject.strip_prefix(&format!("{}/", value.trim_end_matches('/')));
                rest.is_some_and(|rest| option == Some("Recursive") || !rest.contains('/'))
            }
            (_, Some("BeginsWith")) => subject.starts_with(value),
            (_, Some("Contains")) => subject.contains(value),
            (_, Some(_) | None) => subject == value,
        })
    }
}

/// One page of what comes after the name in the token, and the next token.
fn page(
    all: Vec<(String, Value)>,
    token: Option<&str>,
    asked: Option<usize>,
    most: usize,
) -> Result<(Vec<Value>, Option<String>), Refusal> {
    let size = asked.unwrap_or(most);
    if size == 0 || size > most {
        return Err(invalid(format!(
            "Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to {most}"
        )));
    }
    let from = match token {
        None => 0,
        Some(token) => {
            let last = all.iter().position(|(name, _)| name == token);
            last.ok_or_else(|| refused("InvalidNextToken", "The specified token isn't valid."))? + 1
        }
    };
    let next = (all.len() > from + size).then(|| all[from + size - 1].0.clone());
    Ok((all.into_iter().skip(from).take(size).map(|(_, shown)| shown).collect(), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}
