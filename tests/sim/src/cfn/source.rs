//! From a request to a goal: the template is fetched, read and checked, the parameters are resolved.

use super::{
    Cfn,
    api::{CfnError, Deployment},
    guard, invalid,
    stack::Goal,
};
use crate::{
    template::{Reference, Template, check, eval::Pseudo, parameters, parse, references},
    types::{self, Making},
};
use std::{collections::BTreeSet, sync::Arc};

const NO_KEY: &str = "S3 error: The specified key does not exist.\nFor more information check \
                      http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html";

/// Stacks in a region (reference/cloudformation.md 1.8).
const STACKS: usize = 2_000;

impl Cfn<'_> {
    /// The text of a template, wherever it is.
    pub(crate) fn body(
        &self,
        body: Option<&str>,
        url: Option<&str>,
        previous: Option<&Goal>,
    ) -> Result<String, CfnError> {
        match (body, url, previous) {
            (Some(body), None, None) if body.len() > parse::INLINE_LIMIT => Err(invalid(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {}",
                parse::INLINE_LIMIT
            ))),
            (Some(body), None, None) => Ok(body.to_owned()),
            (None, Some(url), None) => self.fetch(url),
            (None, None, Some(goal)) => Ok(goal.template.body.clone()),
            _ => Err(invalid("Exactly one of TemplateBody, TemplateURL or UsePreviousTemplate must be specified.")),
        }
    }

    /// A template from an S3 object of any account of the world.
    fn fetch(&self, url: &str) -> Result<String, CfnError> {
        let (bucket, key) = object(url).ok_or_else(|| invalid("TemplateURL must be a supported URL."))?;
        let own = self.account.store.object(&bucket, &key);
        let others = || self.world.accounts().find_map(|(_, account)| account.store.object(&bucket, &key));
        let found = own.or_else(others).ok_or_else(|| invalid(NO_KEY))?;
        String::from_utf8(found.body.clone())
            .map_err(|_| invalid("Template format error: the template is not valid UTF-8."))
    }

    /// Reads and checks a template.
    pub(crate) fn read_template(&self, body: &str) -> Result<Template, CfnError> {
        let template = parse::template(body).map_err(invalid)?;
        let unknown: BTreeSet<&str> =
            template.resources.values().map(|r| r.kind.as_str()).filter(|kind| !self.has_type(kind)).collect();
        if !unknown.is_empty() {
            let names: Vec<&str> = unknown.into_iter().collect();
            return Err(invalid(format!("Template format error: Unrecognized resource types: [{}]", names.join(", "))));
        }
        check::template(&template).map_err(invalid)?;
        attributes(&template).map_err(invalid)?;
        Ok(template)
    }

    /// Whether there is such a type; a custom one has to have a provider.
    fn has_type(&self, kind: &str) -> bool {
        types::find(kind).is_some_and(|found| found.making != Making::Custom || self.account.custom.contains_key(kind))
    }

    /// Whether the region has room for one more stack.
    pub(crate) fn room(&mut self) -> Result<(), CfnError> {
        if self.stacks().names.len() < STACKS {
            return Ok(());
        }
        Err(CfnError::new("LimitExceededException", 400, "Limit for stack has been exceeded"))
    }

    /// What a request asks a stack to be.
    pub(crate) fn goal(&self, request: &Deployment, stack_id: &str, previous: Option<&Goal>) -> Result<Goal, CfnError> {
        let kept = previous.filter(|_| request.use_previous_template);
        let body = self.body(request.template_body.as_deref(), request.template_url.as_deref(), kept)?;
        let template = match previous.filter(|previous| previous.template.body == body) {
            Some(previous) => previous.template.clone(),
            None => Arc::new(self.read_template(&body)?),
        };
        guard::capabilities(&template, &request.capabilities)?;
        guard::resource_types(&template, &request.resource_types)?;
        guard::tags(request.tags.as_ref())?;
        let before = previous.map(|goal| &goal.parameters);
        let given =
            parameters::resolve(&template, &request.parameters, before.unwrap_or(&Default::default()), |name| {
                self.parameter(name)
            });
        let keep = |asked: &Option<Vec<String>>, had: Option<&Vec<String>>| {
            asked.clone().or_else(|| had.cloned()).unwrap_or_default()
        };
        let notification_arns = keep(&request.notification_arns, previous.map(|goal| &goal.notification_arns));
        let goal = Goal {
            template,
            parameters: given.map_err(invalid)?,
            tags: request.tags.clone().or_else(|| previous.map(|goal| goal.tags.clone())).unwrap_or_default(),
            capabilities: request.capabilities.clone(),
            role_arn: request.role_arn.clone().or_else(|| previous.and_then(|goal| goal.role_arn.clone())),
            rollback: request
                .rollback_configuration
                .clone()
                .or_else(|| previous.map(|goal| goal.rollback.clone()))
                .unwrap_or_default(),
            pseudo: Pseudo {
                account: self.id.to_string(),
                region: self.region.to_string(),
                stack_name: request.stack_name.clone(),
                stack_id: stack_id.to_owned(),
                notification_arns: notification_arns.clone(),
            },
            notification_arns,
        };
        Ok(goal)
    }
}

/// Whether every attribute that a template asks for exists. Stacks and custom resources have attributes of their own.
fn attributes(template: &Template) -> Result<(), String> {
    let resources = template.resources.values().flat_map(|resource| resource.properties.values());
    let outputs = template.outputs.values().map(|output| &output.value);
    for reference in resources.chain(outputs).flat_map(references) {
        let Reference::Attribute(logical, name) = reference else { continue };
        let kind = template.resources.get(&logical).and_then(|resource| types::find(&resource.kind));
        let Some(kind) = kind.filter(|kind| matches!(kind.making, Making::Plain | Making::Wait)) else { continue };
        if !kind.attributes.iter().any(|(attribute, _)| *attribute == name) {
            return Err(format!(
                "Template error: resource {logical} does not support attribute type {name} in Fn::GetAtt"
            ));
        }
    }
    Ok(())
}

/// Bucket and key of an S3 URL: virtual-hosted, path-style, or on an endpoint of one's own.
pub(crate) fn object(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let rest = rest.split(['?', '#']).next()?;
    let (host, path) = rest.split_once('/')?;
    let virtual_hosted = host.find(".s3.").or_else(|| host.find(".s3-")).filter(|_| host.ends_with(".amazonaws.com"));
    let (bucket, key) = match virtual_hosted {
        Some(at) => (&host[..at], path),
        None => path.split_once('/')?,
    };
    (!bucket.is_empty() && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn every_form_of_an_s3_url_is_understood() {
        let check = |url: &str| assert_eq!(object(url), Some(("b".to_owned(), "k/t.yaml".to_owned())), "{url}");
        check("https://b.s3.eu-central-1.amazonaws.com/k/t.yaml");
        check("https://b.s3.amazonaws.com/k/t.yaml");
        check("https://s3.eu-central-1.amazonaws.com/b/k/t.yaml");
        check("http://127.0.0.1:4566/b/k/t.yaml?versionId=1");
        assert_eq!(object("s3://b/k"), None);
        assert_eq!(object("https://s3.amazonaws.com/b"), None);
    }
}
