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
    update::{Again, Asked, Proof, State},
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
    /// Whether, and since when, a person wants to see tried again what was given up.
    pub again: Option<Again>,
    /// Why what is asked for can't be understood, if that is so.
    pub garbled: Option<String>,
}

impl Place {
    pub(super) async fn read_own(&self) -> Result<Own, StoreError> {
        let texts = self.texts(&[Document::Release, Document::Proof, Document::Update, Document::Again]).await?;
        let text = |document| texts.get(&document).map_or("null", |(text, _)| text.as_str());
        let asked = serde_json::from_str::<Option<Asked>>(text(Document::Release));
        Ok(Own {
            garbled: asked.as_ref().err().map(|error| plan::quote::quote(&error.to_string())),
            asked: asked.unwrap_or_default(),
            proof: understood(text(Document::Proof)),
            state: understood(text(Document::Update)),
            again: understood(text(Document::Again)),
        })
    }

    /// Says that what was given up is to be tried once more. A person does.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn say_again(&self, again: &Again) -> Result<(), StoreError> {
        self.write(Document::Again, &serde_json::to_string(again).unwrap_or_default()).await.map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// What a version of tomorrow writes.
    fn newer() -> String {
        let memory = serde_json::json!({"what": "nobody knows"});
        let sha256 = manifests::id::Digest::of(memory.to_string().as_bytes()).to_string();
        serde_json::json!({"version": 2, "sha256": sha256, "memory": memory}).to_string()
    }

    #[tokio::test]
    async fn what_a_newer_version_wrote_is_taken_up_as_it_was_before_that_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("memory.json"));
        let mut memory = Memory::new(epoch(jiff::Timestamp::UNIX_EPOCH));
        memory.sequence = 7;
        memory.regions.insert("eu-central-1".parse().unwrap());
        place.save(&memory).await.unwrap();
        place.keep_before().await.unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("memory.json", &newer());
        let kept = place.open().await.unwrap();
        let found = kept.memory.unwrap();
        assert!(kept.lost && found.regions == memory.regions);
        assert!(found.sequence == 0 && found.epoch > memory.epoch, "no number is used twice");

        // There is no copy; or one that a newer version made too; or none that anybody could read.
        place.forget_before().await.unwrap();
        for copy in [None, Some(newer()), Some("{".into())] {
            copy.iter().for_each(|copy| write("memory-before.json", copy));
            assert!(matches!(place.open().await, Err(StoreError::Newer { version: 2, .. })), "{copy:?}");
            let anew = place.open_anew().await.unwrap();
            assert!(anew.lost && anew.memory.is_none(), "what was destroyed today, nobody knows");
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_is_read_or_told_to_be_garbled() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("memory.json"));
        let read = async |text: Option<&str>| {
            text.iter().for_each(|text| std::fs::write(folder.path().join("release.json"), text).unwrap());
            let own = place.own().await.unwrap();
            assert_eq!(own.asked, None);
            own.garbled
        };
        assert_eq!(read(None).await, None);
        assert_eq!(read(Some("null")).await, None);
        assert!(read(Some("{\"version\": 1}")).await.is_some_and(|why| why.contains("invalid type")));
        assert!(read(Some("")).await.is_some());
        std::fs::File::create(folder.path().join("release.json")).unwrap().set_len(1 << 30).unwrap();
        assert!(matches!(place.own().await, Err(StoreError::File { what: "release", .. })));
    }
}
