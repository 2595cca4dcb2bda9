//! The documents about the agent's own version, and memory as it was before another one was tried.
//!
//! They are read by agents and updaters of several versions. What one of them can't understand is taken for not said, and
//! nothing follows from it: an update is never worth a turn.

use super::{Document, Place, StoreError};
use crate::{
    clock::SystemClock,
    cloud::Clock,
    memory::{self, Opened},
    turn::epoch,
};
use plan::{
    memory::Memory,
    update::{Asked, Proof, State},
};
use serde::de::DeserializeOwned;

/// What there is about the agent's own version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Which version the commit in force asks for.
    pub asked: Option<Asked>,
    /// What an agent said of its turns.
    pub proof: Option<Proof>,
    /// What the updater of a function remembers.
    pub state: Option<State>,
    /// Why what is asked for can't be understood, if that is so.
    pub garbled: Option<String>,
}

impl Place {
    pub(super) async fn read_own(&self) -> Result<Own, StoreError> {
        let texts = self.texts(&[Document::Release, Document::Proof, Document::Update]).await?;
        let text = |document| texts.get(&document).map_or("null", |(text, _)| text.as_str());
        let asked = serde_json::from_str::<Option<Asked>>(text(Document::Release));
        Ok(Own {
            garbled: asked.as_ref().err().map(|error| plan::quote::quote(&error.to_string())),
            asked: asked.unwrap_or_default(),
            proof: understood(text(Document::Proof)),
            state: understood(text(Document::Update)),
        })
    }

    /// Keeps what the updater of a function remembers.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn save_update(&self, state: &State) -> Result<(), StoreError> {
        self.write(Document::Update, &serde_json::to_string(state).unwrap_or_default()).await.map(drop)
    }

    /// Keeps a copy of memory as it lies there.
    pub(super) async fn copy_memory(&self) -> Result<(), StoreError> {
        let texts = self.texts(&[Document::Memory]).await?;
        match texts.get(&Document::Memory) {
            Some((text, _)) => self.write(Document::Before, text).await.map(drop),
            None => Ok(()),
        }
    }

    /// Memory as it was before a version was tried that wrote it in a newer format. It begins another epoch, because reports
    /// were told since, and what was destroyed meanwhile nobody knows.
    pub(super) async fn before(&self, version: u32) -> Result<Memory, StoreError> {
        let texts = self.texts(&[Document::Before]).await?;
        match texts.get(&Document::Before).map(|(text, _)| memory::open(text)) {
            Some(Opened::Memory(mut memory)) => {
                tracing::warn!(
                    "a newer agent was tried here and wrote memory anew: it is taken up as it was before that"
                );
                (memory.epoch, memory.sequence, memory.told) = (epoch(SystemClock.now()), 0, None);
                Ok(*memory)
            }
            Some(Opened::Damaged | Opened::Newer(_)) | None => {
                Err(StoreError::Newer { place: self.called(Document::Memory), version })
            }
        }
    }
}

fn understood<T: DeserializeOwned>(text: &str) -> Option<T> {
    let read = serde_json::from_str::<Option<T>>(text);
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "a document about the agent's own version can't be understood, and is passed over");
        None
    })
}
