//! What people tell the agent, written where it reads it. The agent itself writes none of it.
//!
//! However many speak at once, none is lost: a document is read and written by one at a time. SSM has no write that only
//! succeeds over a given version, but one that only succeeds where nothing is: whoever makes the parameter `….saying` may
//! speak, and deletes it again. One that was killed in between is waited for until what it made is old. Files have locks.

use super::{Document, Place, StoreError, orders, plain, unreachable};
use crate::cloud::{Trouble, trouble::trouble};
use aws_sdk_ssm::types::ParameterType;
use plan::orders::Orders;
use std::time::Duration;
use tokio::time::Instant;

/// How long it takes to speak, at the very most: each call has an end of its own.
const OLD: Duration = Duration::from_secs(60);
/// How often is looked whether another one is done.
const GLANCE: Duration = Duration::from_millis(200);

impl Place {
    /// Changes one document of what people told the agent, and answers all that is told then.
    ///
    /// # Errors
    /// Those of `change`, and when it can't be read, understood (then it is not written over, for somebody may have meant
    /// it) or written.
    pub async fn tell<E: From<StoreError>>(
        &self,
        document: Document,
        change: impl FnOnce(Orders) -> Result<Orders, E>,
    ) -> Result<Orders, E> {
        match self {
            Self::Files(paths) => {
                let path = &paths[&document];
                let file = |source| StoreError::File { what: document.name(), path: path.clone(), source };
                let _lock = plain::locked(path).map_err(file)?;
                let told = change(self.orders().await?)?;
                plain::replace(path, text(document, &told).as_bytes(), plain::OURS).map_err(file)?;
                Ok(told)
            }
            Self::Parameters { ssm, names } => {
                let name = format!("{}.saying", names[&document]);
                alone(ssm, &name).await?;
                let told = match self.orders().await {
                    Ok(orders) => change(orders),
                    Err(error) => Err(error.into()),
                };
                let written = match &told {
                    Ok(told) => self.write(document, &text(document, told)).await.map(drop),
                    Err(_) => Ok(()),
                };
                // When that fails, the next one waits until it is old.
                let _ = ssm.delete_parameter().name(&name).send().await;
                written?;
                told
            }
        }
    }

    /// What people told the agent.
    ///
    /// # Errors
    /// When it can't be read, or not understood.
    pub async fn orders(&self) -> Result<Orders, StoreError> {
        orders(&self.read().await?, self).map_err(StoreError::Garbled)
    }
}

/// Waits until nobody else speaks.
async fn alone(ssm: &aws_sdk_ssm::Client, name: &str) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut seen = (None, began);
    loop {
        let put = ssm.put_parameter().name(name).value("somebody tells this account something").overwrite(false);
        let Err(error) = put.r#type(ParameterType::String).send().await else { return Ok(()) };
        if trouble("ssm:PutParameter", &error).problem != Trouble::AlreadyExists {
            return Err(unreachable("orders", name, "ssm:PutParameter", &error));
        }
        let made =
            ssm.get_parameter().name(name).send().await.ok().and_then(|answer| answer.parameter?.last_modified_date);
        if made != seen.0 {
            tracing::warn!(parameter = name, "somebody else tells this account something; waiting until they have");
            seen = (made, Instant::now());
        }
        // By no clock but our own: it has been the same one for so long.
        if made.is_some() && seen.1.elapsed() > OLD {
            let _ = ssm.delete_parameter().name(name).send().await;
        } else if began.elapsed() > OLD * 3 {
            return Err(StoreError::Crossed { parameter: name.to_owned() });
        } else {
            tokio::time::sleep(GLANCE).await;
        }
    }
}

fn text(document: Document, orders: &Orders) -> String {
    let Orders { holds, pin, approvals, rollbacks, reset } = orders;
    let text = match document {
        Document::Hold => serde_json::to_string(holds),
        Document::Pin => serde_json::to_string(pin),
        Document::Approvals => serde_json::to_string(approvals),
        Document::Rollbacks => serde_json::to_string(rollbacks),
        Document::Reset => serde_json::to_string(reset),
        Document::Memory
        | Document::Guardrails
        | Document::Lease
        | Document::Signers
        | Document::Drift
        | Document::Release
        | Document::Proof
        | Document::Update
        | Document::Before
        | Document::Again => Ok(String::new()),
    };
    text.unwrap_or_default()
}
