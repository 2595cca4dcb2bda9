//! What is said of something that was started and has ended: the root cause asked of CloudFormation, in one sentence.
//!
//! Not here: what events mean ([`plan::events`]).

use crate::cloud::{Cloud, CloudError};
use jiff::{SignedDuration, Timestamp};
use manifests::report::What;
use plan::{
    events,
    facts::FailedEvent,
    memory::Started,
    watch::{End, Ended, orphaned, root_cause},
};

/// Why it failed, if it did; and what it left behind, if it went well and left something.
pub(crate) async fn told<C: Cloud>(cloud: &C, ended: &Ended) -> (Option<String>, Option<String>) {
    match &ended.end {
        End::Never | End::Done { orphans: None, .. } => (None, None),
        End::Done { orphans: Some((reason, stack_id)), .. } => {
            let events = failed(cloud, ended, stack_id).await.unwrap_or_default();
            (None, Some(orphaned(reason, &events)))
        }
        End::Failed { status, reason, stack_id } => {
            let id = stack_id.as_deref().unwrap_or_default();
            let why = match failed(cloud, ended, id).await {
                Ok(events) => root_cause(status, reason.as_deref(), &events),
                Err(error) => format!("{} ({})", root_cause(status, reason.as_deref(), &[]), error.said()),
            };
            (Some(why), None)
        }
    }
}

/// What went wrong in it, oldest first.
async fn failed<C: Cloud>(cloud: &C, ended: &Ended, stack_id: &str) -> Result<Vec<FailedEvent>, CloudError> {
    // The two clocks may differ by this much.
    let since = ended.pending.since.checked_sub(SignedDuration::from_mins(10)).unwrap_or(Timestamp::MIN);
    let events = cloud.events(&ended.key.region, stack_id, Some(since)).await?;
    Ok(events::failed(&events, &ended.pending.token))
}

/// What the report says of something that ended.
pub(crate) fn sentence(ended: &Ended, why: Option<&str>) -> Option<(What, String)> {
    Some(match (&ended.end, ended.pending.act) {
        // What came of a heal is told when it was looked at again, or with why it failed.
        (End::Never, _) | (End::Done { .. }, Started::Clear) | (_, Started::Heal) => return None,
        (End::Done { .. }, Started::Create) => (What::Created, "was created".into()),
        (End::Done { .. }, Started::Update) => (What::Updated, "was updated".into()),
        (End::Done { .. }, Started::Back) => (What::Recovered, "was brought back to an earlier form".into()),
        (End::Done { .. }, Started::Remove) => (What::Deleted, "was deleted".into()),
        (End::Done { .. }, Started::Continue) => (What::Recovered, "its rollback went on and is finished".into()),
        (End::Done { .. }, Started::RollBack) => (What::Recovered, "was rolled back".into()),
        (End::Failed { status, .. }, _) => (What::Failed, why.unwrap_or(status).to_owned()),
    })
}
