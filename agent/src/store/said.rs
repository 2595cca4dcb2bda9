//! What people tell the agent, written where it reads it. The agent itself writes none of it.
//!
//! Two people may speak at once, and neither must be lost. SSM has no write that only succeeds over a given version, but it
//! numbers them: whoever finds that another's came in between reads that one, changes it and writes again. A file is locked
//! while it is read and written.

use super::{Document, Place, StoreError, Texts, orders, replace, unreachable};
use crate::cloud::{Trouble, trouble::trouble};
use plan::orders::Orders;

/// How often a write is made again because somebody else's came in between.
const ROUNDS: usize = 5;

impl Place {
    /// What people told the agent.
    ///
    /// # Errors
    /// When it can't be read, or not understood: then it is not written over, for somebody may have meant it.
    pub async fn orders(&self) -> Result<Orders, StoreError> {
        self.understood(&self.read().await?)
    }

    /// Changes one document of what people told the agent, and answers all that is told then. `change` may be asked more
    /// than once, each time with what is there.
    ///
    /// # Errors
    /// Those of `change`, and when it can't be read, understood or written.
    pub async fn tell<E: From<StoreError>>(
        &self,
        document: Document,
        change: impl Fn(Orders) -> Result<Orders, E>,
    ) -> Result<Orders, E> {
        let Self::Files(paths) = self else { return self.tell_parameter(document, change).await };
        let path = &paths[&document];
        let file = |source| StoreError::File { what: document.name(), path: path.clone(), source };
        let lock = super::locked(path).map_err(file)?;
        let told = change(self.understood(&self.read().await?)?)?;
        replace(path, text(document, &told).as_bytes()).map_err(file)?;
        drop(lock);
        Ok(told)
    }

    async fn tell_parameter<E: From<StoreError>>(
        &self,
        document: Document,
        change: impl Fn(Orders) -> Result<Orders, E>,
    ) -> Result<Orders, E> {
        let mut texts = self.read().await?;
        for _ in 0..ROUNDS {
            let before = texts.get(&document).map_or(0, |(_, version)| *version);
            let told = change(self.understood(&texts)?)?;
            let now = self.write(document, &text(document, &told)).await?;
            let others = now.saturating_sub(1);
            if others == before {
                return Ok(told);
            }
            // What was written over: somebody else's, who changed what we had read.
            let theirs = self.version(document, others).await?;
            texts.insert(document, (theirs, now));
        }
        Err(StoreError::Crossed { what: document.name(), parameter: self.called(document) }.into())
    }

    /// One version of a parameter.
    async fn version(&self, document: Document, version: u64) -> Result<String, StoreError> {
        let Self::Parameters { ssm, names } = self else { return Ok(String::new()) };
        let name = &names[&document];
        match ssm.get_parameter().name(format!("{name}:{version}")).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default()),
            Err(error) => {
                let source = trouble("ssm:GetParameter", &error);
                // Somebody deleted the parameter in between: nothing of it is in force.
                match source.problem {
                    Trouble::NotFound => Ok(nothing(document).into()),
                    Trouble::Unavailable
                    | Trouble::Denied
                    | Trouble::Credentials
                    | Trouble::Busy
                    | Trouble::AlreadyExists
                    | Trouble::Invalid
                    | Trouble::Limit
                    | Trouble::Other => Err(unreachable(document.name(), name, "ssm:GetParameter", &error)),
                }
            }
        }
    }

    fn understood(&self, texts: &Texts) -> Result<Orders, StoreError> {
        orders(texts, self).map_err(StoreError::Garbled)
    }
}

/// A document's text when nothing is said.
fn nothing(document: Document) -> &'static str {
    if document == Document::Pin { "null" } else { "[]" }
}

fn text(document: Document, orders: &Orders) -> String {
    let Orders { holds, pin, approvals, rollbacks } = orders;
    let text = match document {
        Document::Hold => serde_json::to_string(holds),
        Document::Pin => serde_json::to_string(pin),
        Document::Approvals => serde_json::to_string(approvals),
        Document::Rollbacks => serde_json::to_string(rollbacks),
        Document::Memory | Document::Guardrails | Document::Lease => Ok(String::new()),
    };
    text.unwrap_or_default()
}
