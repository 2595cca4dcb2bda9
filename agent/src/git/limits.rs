//! What a repository may cost, before anything is known of whoever wrote it: each bound, its default and the reason.
//!
//! Not here: what a manifest may hold, which is the same everywhere (`manifests`: depth, aliases, names), nor how many files
//! an artifact has. A path of more than 1,024 bytes is none of ours to begin with.

use std::time::Duration;

/// The options that set them, as messages name them.
pub(crate) mod option {
    pub(crate) const TIMEOUT: &str = "--git-timeout";
    pub(crate) const IDLE: &str = "--git-idle";
    pub(crate) const BYTES: &str = "--git-bytes";
    pub(crate) const OBJECTS: &str = "--git-objects";
    pub(crate) const OBJECT_BYTES: &str = "--git-object-bytes";
    pub(crate) const DEPTH: &str = "--git-depth";
    pub(crate) const ENTRIES: &str = "--git-entries";
    pub(crate) const NESTING: &str = "--git-nesting";
    pub(crate) const MANIFESTS: &str = "--git-manifests";
    pub(crate) const MANIFEST_BYTES: &str = "--git-manifest-bytes";
    pub(crate) const TOTAL_BYTES: &str = "--git-total-bytes";
}

/// What one look at a remote, and one commit, may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest that one look may take.
    pub deadline: Duration,
    /// The longest that nothing may come.
    pub idle: Duration,
    /// The most bytes that one look may bring.
    pub bytes: u64,
    /// The most objects that one pack may announce.
    pub objects: u64,
    /// The largest object that is ever unpacked.
    pub object_bytes: u64,
    /// How many commits back one look goes to prove descent.
    pub depth: u32,
    /// Files and folders in a commit.
    pub entries: u64,
    /// Folders inside folders.
    pub nesting: u64,
    /// `*.yaml` files below the configured path.
    pub manifests: u64,
    /// Bytes of one manifest.
    pub manifest_bytes: u64,
    /// Bytes of all manifests.
    pub total_bytes: u64,
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            // As many bytes as one look may bring, at 20 Mbit/s; and an eighth of a turn.
            deadline: Duration::from_secs(120),
            // Servers that pack a large answer say nothing meanwhile; no healthy one is silent for longer.
            idle: Duration::from_secs(20),
            // What a first look at 20,000 manifests of 4 KiB takes, packed, is a tenth of it. It lands on a disk of which a
            // Lambda has 512 MiB, twice while a copy is replaced.
            bytes: 256 * MIB,
            // A commit's files and folders, and for each of 16,384 older commits a handful. Each takes memory while the pack is
            // taken in, and many are small: a quarter of a gigabyte holds 20 million.
            objects: 250_000,
            // The largest file that an artifact may hold is 50 MiB. It is unpacked in memory, of which a small container has
            // 128 MiB.
            object_bytes: 64 * MIB,
            // Three months of a commit every eight minutes between two looks: an agent that was away for longer is told so.
            depth: 16_384,
            // Five for each of 20,000 manifests: its template, its folders, what its artifacts are made of.
            entries: 100_000,
            // The deepest folders that people make are a dozen inside each other; five times that is a trap.
            nesting: 64,
            // Ten times the stacks that CloudFormation allows in a region unless it is asked for more.
            manifests: 20_000,
            // CloudFormation takes no template over 1 MB either, and a manifest is the smaller of the two.
            manifest_bytes: MIB,
            // All of them are in memory while a commit is read: 3 KiB for each of 20,000.
            total_bytes: 64 * MIB,
        }
    }
}
