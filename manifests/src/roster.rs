//! Who there is: the Fleet and the Accounts files of a repository, added up.
//!
//! An account file that can't be read leaves nobody knowing which accounts a stack is for, so one fault here costs the
//! whole fleet, and a turn then changes nothing.

use crate::{
    findings::Findings,
    fleet::{Account, Fleet},
    id::AccountId,
    problem::Problem,
    release::{self, Release},
    stack::Location,
    validate::labels,
    written::{self, AccountsManifest, FleetManifest},
    yaml::{Fault, Mark},
};
use std::collections::{BTreeMap, btree_map::Entry};

/// The accounts and Fleets read so far.
#[derive(Default)]
pub(crate) struct Roster {
    accounts: BTreeMap<AccountId, Account>,
    fleets: Vec<Location>,
    agent: Option<Release>,
    broken: bool,
}

impl Roster {
    /// A file about accounts could not be read.
    pub(crate) fn broken(&mut self) {
        self.broken = true;
    }

    pub(crate) fn fleet(&mut self, written: &FleetManifest, at: Location, findings: &mut Findings<'_>) {
        let spec = &written.spec;
        let unsupported = [
            ("rings", &spec.rings),
            ("windows", &spec.windows),
            ("pins", &spec.pins),
            ("quarantine", &spec.quarantine),
            ("brake", &spec.brake),
        ];
        for (name, field) in unsupported {
            findings.unsupported(name, field.as_ref());
        }
        if let Some(trust) = &spec.trust {
            let fault =
                Fault::new(trust.at, "who may sign is not said here, because all of it is read before it is trusted");
            findings.fault(fault.hint("say it in `trust/1.yaml`, a document of `kind: Trust`"));
        }
        self.agent = spec.agent.as_ref().and_then(|written| release::release(written, findings));
        self.fleets.push(at);
        self.enlist(&spec.accounts, findings);
    }

    pub(crate) fn accounts(&mut self, written: &AccountsManifest, findings: &mut Findings<'_>) {
        self.enlist(&written.spec.accounts, findings);
    }

    fn enlist(&mut self, accounts: &[written::Account], findings: &mut Findings<'_>) {
        for written in accounts {
            if let Some(name) = &written.name {
                findings.length(name, "the account's name", 128);
            }
            let labels = labels(&written.labels, findings);
            let Some(id) = findings.account(&written.id) else { continue };
            let name = written.name.as_ref().map(|name| name.value.clone());
            let at = Location { file: findings.file.clone(), line: written.id.at.line };
            match self.accounts.entry(id) {
                Entry::Vacant(free) => {
                    let id = free.key().clone();
                    free.insert(Account { id, name, labels, at });
                }
                Entry::Occupied(taken) => {
                    findings.refuse(
                        written.id.at,
                        format!("the account {} is listed twice, first at {}", taken.key(), taken.get().at),
                    );
                }
            }
        }
        self.broken |= !findings.none();
    }

    /// Everyone, or `None` when a file could not be read or there is a second Fleet.
    pub(crate) fn close(self, problems: &mut Vec<Problem>) -> Option<Fleet> {
        if let [_, _, ..] = self.fleets.as_slice() {
            for (n, at) in self.fleets.iter().enumerate() {
                let other = &self.fleets[usize::from(n == 0)];
                let mut findings = Findings::new(&at.file, None);
                findings.refuse(
                    Mark { line: at.line, column: 0 },
                    format!("there is a second Fleet at {other}, and a repository has one"),
                );
                problems.append(&mut findings.problems);
            }
            return None;
        }
        (!self.broken).then_some(Fleet { accounts: self.accounts, agent: self.agent })
    }
}
