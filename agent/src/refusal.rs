//! Why a change set failed, in the words of whoever knows: early validation, a hook, a nested change set.
//!
//! What can't be asked is no reason to be silent: then the change set's own reason is told, and why nobody said more.

use crate::cloud::{Cloud, CloudError};
use manifests::id::StackKey;
use plan::{
    facts::ChangeSet,
    preview::{Details, details, found_by, found_early, refused},
};

/// How deep nested change sets are followed: more than anybody nests.
const DEPTH: usize = 5;

/// Why this change set, which failed, did.
pub(crate) async fn why<C: Cloud>(cloud: &C, key: &StackKey, set: &ChangeSet) -> String {
    let mut set = set.clone();
    for _ in 0..DEPTH {
        let Details::Nested(arn) = details(&set) else { break };
        match cloud.change_set(key, &arn, false).await {
            Ok(nested) => set = nested,
            Err(error) => return unsaid(&set, &error),
        }
    }
    let found = match details(&set) {
        Details::Reason | Details::Nested(_) => Ok(Vec::new()),
        Details::Validation => {
            cloud.validation(key, &set.id).await.map(|events| events.iter().map(found_early).collect())
        }
        Details::Hooks => cloud.hooks(key, &set.id).await.map(|hooks| hooks.iter().map(found_by).collect()),
    };
    match found {
        Ok(found) => refused(set.reason.as_deref().unwrap_or_default(), &found),
        Err(error) => unsaid(&set, &error),
    }
}

fn unsaid(set: &ChangeSet, error: &CloudError) -> String {
    format!("{} ({})", refused(set.reason.as_deref().unwrap_or_default(), &[]), error.said())
}
