//! What there is to say on the command line: its words, and what help says of them.

use crate::{
    adopt, bootstrap, drift,
    history::{EventsOf, HistoryOf},
    people::{Leave, Said, Until},
    trust::sign::With,
    uninstall, update,
};
use clap::Subcommand;
use std::path::PathBuf;

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn after turn, until stopped (SIGINT or SIGTERM); what CloudFormation is at work on then goes on by itself. In AWS
    /// Lambda: a turn for each event
    Run,
    /// Make one turn: look, decide, act, tell
    Once,
    /// Show what a turn would do, resource by resource; executes nothing
    Plan {
        /// Exit with 0 when there is nothing to do, 2 when there are changes, 3 when one would be held
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Show how every stack stands, and what people told this account; changes nothing
    Status {
        /// List every stack that is in sync, and not only thirty
        #[arg(long)]
        all: bool,
    },
    /// Show the stacks as they build on each other; changes nothing
    Tree,
    /// Show what was done to a stack, by whom, for which commit, and what came of it
    History(HistoryOf),
    /// Show what CloudFormation told of a stack, or of all of this installation
    Events(EventsOf),
    /// Show what somebody changed behind CloudFormation's back, where, and who it was; changes nothing
    #[command(args_conflicts_with_subcommands = true)]
    Drift {
        /// What is shown.
        #[command(flatten)]
        asked: drift::Asked,
        /// What is done about it.
        #[command(subcommand)]
        then: Option<DriftCommand>,
    },
    /// Print the template and the parameters of the stack that makes this account's agent, look whether everything is there that it
    /// needs, or deploy it
    Bootstrap(bootstrap::Said),
    /// Look at everything that the agent needs in its account, and say what to do about what is not well; changes nothing
    Doctor,
    /// Check a folder of manifests without an account; with `--guardrails FILE`, that file instead
    Validate {
        /// The folder
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Tell this account's agent to leave a stack, or everything, alone for a while
    Hold {
        /// The stack, by CloudFormation's name; the whole account when there is none
        stack: Option<String>,
        /// Hold a stack that is not there yet
        #[arg(long, requires = "stack")]
        ahead: bool,
        /// Why, and until when.
        #[command(flatten)]
        said: Said,
    },
    /// End a hold before its time
    Release {
        /// The stack, by CloudFormation's name; the whole account when there is none
        stack: Option<String>,
    },
    /// Tell this account's agent to stay at a commit, whatever the branch does; nothing is deleted meanwhile
    Pin {
        /// The commit of the branch, by its id or the first seven digits of it or more
        #[arg(value_name = "REV")]
        commit: String,
        /// Why, and until when.
        #[command(flatten)]
        said: Said,
    },
    /// Follow the branch again, with everything or with a stack that was rolled back
    Unpin {
        /// The stack, by CloudFormation's name
        stack: Option<String>,
    },
    /// Let a held change go ahead, by the digest that it is reported with
    Approve {
        /// The digest
        #[arg(value_name = "DIGEST")]
        plan: String,
        /// Why, and until when.
        #[command(flatten)]
        leave: Leave,
    },
    /// Send a stack back to the form that an earlier commit asked, and let it stay there, whatever the branch does
    Rollback {
        /// The stack, by CloudFormation's name
        stack: String,
        /// The commit of the branch, by its id or the first seven digits of it or more [default: the one that the stack was
        /// at before]
        #[arg(value_name = "REV")]
        commit: Option<String>,
        /// Why, and until when.
        #[command(flatten)]
        said: Said,
    },
    /// Show who signed a commit, who may, and whether it would be accepted for it
    Verify {
        /// The commit of the branch, by its id or the first seven digits of it or more [default: the branch's head]
        #[arg(value_name = "REV")]
        commit: Option<String>,
    },
    /// Who is trusted, and with what
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Write the manifest of a stack that is there already, and show what taking it over would change; changes nothing
    Adopt(adopt::Said),
    /// Take the agent out of this account, and leave every stack that it managed as it is, or delete those first; shows what would
    /// happen unless `--yes`
    Uninstall(uninstall::Said),
    /// Bring the agent on this machine to the version that the commit in force asks for, and back if that is no good; looks once
    Update(update::Said),
    /// Print the version
    Version,
}

/// What there is to do about drift.
#[derive(Debug, Subcommand)]
pub enum DriftCommand {
    /// Put back what was changed in one stack now, whatever its mode is and whatever came of it before; nothing else is done
    Heal {
        /// The stack, by CloudFormation's name, or as `REGION/STACK`
        stack: String,
    },
    /// Print the patch to template or manifest that makes git agree with the account, and have CloudFormation prove it
    Accept(drift::Meant),
    /// Print what its manifest would have to say for the agent to leave it as it is
    Ignore(drift::Meant),
}

/// What there is to say about trust.
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Follow a branch that was rewritten, set back or swapped, to exactly this commit
    Reset {
        /// The branch's head, by its id or the first seven digits of it or more
        #[arg(value_name = "REV")]
        commit: String,
        /// Why, and until when.
        #[command(flatten)]
        said: Until,
    },
    /// Vouch for a document about trust that is yet to be committed: who may sign from then on, or what was approved
    Sign {
        /// The document, such as `trust/2.yaml`, from the repository's folder
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// With what, and where.
        #[command(flatten)]
        with: With,
    },
    /// Approve what stands under some paths, as it lies in the folder and is yet to be committed
    Approve {
        /// The paths, as the rule has them, such as 'stacks/identity/**'
        #[arg(value_name = "PATHS")]
        paths: String,
        /// With what, and where.
        #[command(flatten)]
        with: With,
    },
}
