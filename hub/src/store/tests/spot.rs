//! Where the tests' stores are: in a folder of files, and, where there is PostgreSQL, in databases. What a test says of one it says
//! of both.

use super::*;
use cluster::Cluster;
use rusqlite::Connection;
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Room for the stores of one test.
pub(crate) struct Spot {
    folder: TempDir,
    cluster: Option<&'static Cluster>,
    databases: RefCell<BTreeMap<String, String>>,
}

/// Tests both.
pub(crate) fn on_each(test: impl Fn(&Spot)) {
    on_file(&test);
    on_postgres(&test);
}

pub(crate) fn on_file(test: impl Fn(&Spot)) {
    test(&Spot::of(None));
}

pub(crate) fn on_postgres(test: impl Fn(&Spot)) {
    if let Some(cluster) = Cluster::shared() {
        test(&Spot::of(Some(cluster)));
    }
}

impl Spot {
    fn of(cluster: Option<&'static Cluster>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cluster, databases: RefCell::default() }
    }

    pub(crate) fn is_file(&self) -> bool {
        self.cluster.is_none()
    }

    /// A file of this name, or the database that goes by it here.
    pub(crate) fn place(&self, name: &str) -> Place {
        let Some(cluster) = self.cluster else { return self.file(name).into() };
        let mut databases = self.databases.borrow_mut();
        let address = databases.entry(name.to_owned()).or_insert_with(|| cluster.database());
        Path::new(address).into()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str) -> Store {
        Store::open(self.place(name), Access::Write(None)).unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> Store {
        Store::open(self.place(name), Access::Read).unwrap()
    }

    /// Somebody goes at it with the database's own tools.
    pub(crate) fn meddle(&self, name: &str, sql: &str) -> Result<(), String> {
        match (self.place(name), self.cluster) {
            (Place::Postgres(address), Some(cluster)) => cluster.sql(&address, sql).map(drop),
            (Place::File(file), _) => {
                let run = || Connection::open(file)?.execute_batch(sql);
                run().map_err(|error: rusqlite::Error| error.to_string())
            }
            (Place::Postgres(_), None) => panic!("there is no database without a cluster"),
        }
    }

    /// Takes the guard of the journal away that has this name.
    pub(crate) fn unguard(&self, name: &str, guard: &str) {
        let on = if self.is_file() { "" } else { " ON journal" };
        self.meddle(name, &format!("DROP TRIGGER {guard}{on}")).unwrap();
    }

    /// How these bytes are written in a statement.
    pub(crate) fn bytes(&self, hex: &str) -> String {
        if self.is_file() { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
    }
}
