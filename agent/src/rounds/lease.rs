//! The account's lease in this turn's hands: taken before the first thing is written, renewed, let go at the end.
//!
//! Not here: whose turn it is ([`plan::lease`]), and where the document lies ([`crate::store`]).

use super::Rounds;
use crate::{
    cloud::Trouble as Kind,
    stop::Stopped,
    store::{Store, StoreError},
    world::{World, now},
};
use plan::lease::{FoundLease, Lease, TERM};

impl<W: World> Rounds<'_, W> {
    /// Takes the lease, or renews it once half of its term is over.
    pub(super) async fn take(&mut self) -> Result<(), Stopped> {
        let now = now(self.world);
        if self.held.is_some_and(|since| now.duration_since(since) < TERM / 2) {
            return Ok(());
        }
        let taken = self.lease.taken(&self.settings.me, now);
        let version = self.written(&taken).await?;
        self.lease = FoundLease { lease: Some(taken), version };
        self.held = Some(now);
        Ok(())
    }

    /// Writes the lease, and answers the version under which it is in force. An answer that was lost on its way is asked for
    /// again, by the SDK or by nobody, and then the version says too much or nothing: what really was written is read.
    async fn written(&self, taken: &Lease) -> Result<u64, Stopped> {
        let answer = self.world.store().lease(taken).await;
        match answer {
            Ok(version) if self.lease.is_followed_by(version) => return Ok(version),
            Err(error) if !is_lost(&error) => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        let since = self.world.store().leases(self.lease.version).await;
        if let Some(version) = since.ok().and_then(|since| self.lease.is_followed_by_none_but(taken, &since)) {
            return Ok(version);
        }
        Err(match answer {
            Err(error) => error.into(),
            Ok(_) => Stopped::Fenced { by: "it began in the same moment".into(), until: taken.until },
        })
    }

    /// Lets the lease go, if it is ours. When that fails, it ends by itself; when its term is over, it may be another's.
    pub(super) async fn let_go(&mut self) {
        if self.held.take().is_none() || !self.lease.may_let_go(now(self.world)) {
            return;
        }
        if let Err(error) = self.world.store().lease(&self.lease.let_go(&self.settings.me)).await {
            tracing::warn!(error = %crate::error::chain(&error), "the lease could not be let go, and ends by itself");
        }
    }
}

/// Whether the work may have been done all the same.
fn is_lost(error: &StoreError) -> bool {
    match error {
        StoreError::Parameter { source, .. } => source.problem == Kind::Unavailable,
        StoreError::File { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Garbled(_)
        | StoreError::Crossed { .. }
        | StoreError::Newer { .. } => false,
    }
}
