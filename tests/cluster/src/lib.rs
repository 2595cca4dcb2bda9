//! A real PostgreSQL for tests: a cluster in a folder of its own, reached over a socket in it, gone when the process that started it
//! is, however that ends.
//!
//! It knows nothing of hubs and stores, so that every room may use it in its tests. Where PostgreSQL is not installed there is
//! none, which is said loudly, and with `CI=true` is a failure.

use std::{
    io::{self, Write},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// The role that owns everything in it.
const ROLE: &str = "holdfast";

/// What a test needs no patience for.
pub const HASTY: &[&str] = &["fsync=off", "full_page_writes=off"];
/// What is kept is on disk.
pub const DURABLE: &[&str] = &["fsync=on"];

/// Waits for the end of its input, and ends the server then, whatever has become of the process that started it.
const WATCH: &str = r#"
trap '' INT TERM HUP
"$@" </dev/null >>"$HOLDFAST_FOLDER/log" 2>&1 &
server=$!
echo $server
word=
read -r word
kill -QUIT $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$HOLDFAST_FOLDER"
"#;

/// A cluster that runs.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    settings: Vec<String>,
    watch: Child,
    input: Option<ChildStdin>,
    server: u32,
    databases: AtomicUsize,
}

impl Cluster {
    /// The one of this process; `None` when there is no PostgreSQL on this machine.
    ///
    /// # Panics
    /// When it is there and does not start; and with `CI=true` when it is not there.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(HASTY)).as_ref()
    }

    /// One of its own, with these settings.
    ///
    /// # Panics
    /// As [`Cluster::shared`].
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "PostgreSQL is needed in CI: neither in PATH nor in /usr/lib/postgresql"
            );
            let _ = writeln!(io::stderr(), "SKIPPED: there is no PostgreSQL");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("holdfast-pg-").tempdir().expect("a folder").keep();
        if let Some((user, group)) = other() {
            chown(&folder, Some(user), Some(group)).expect("root may give a folder away");
        }
        // An order of letters of its own, where it can have one: a store's is by bytes all the same.
        let icu: &[&str] = &["--locale-provider=icu", "--icu-locale=en-US"];
        let made = [icu, &[]].into_iter().find_map(|order| {
            let mut initdb = as_other(programs.join("initdb"));
            initdb.arg("-D").arg(folder.join("data")).args(["-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"]);
            let ran = initdb.args(["--locale=C.UTF-8", "--no-instructions"]).args(order).output().expect("initdb");
            ran.status.success().then_some(())
        });
        assert!(made.is_some(), "initdb failed in {}", folder.display());
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let (watch, input, server) = watched(&folder, &programs, &settings);
        let cluster = Self { folder, programs, settings, watch, input, server, databases: AtomicUsize::new(0) };
        cluster.await_answer();
        Some(cluster)
    }

    /// The address of a new database.
    ///
    /// # Panics
    /// When it can't be made.
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0")).expect("a database");
        self.address(ROLE, &name)
    }

    /// How somebody reaches a database.
    pub fn address(&self, role: &str, database: &str) -> String {
        let port = self.settings.iter().find_map(|setting| setting.strip_prefix("port=")).unwrap_or("5432");
        format!("postgres://{role}@/{database}?host={}&port={port}", self.folder.display())
    }

    /// What the database of this name answers, or this address leads to, row by row.
    ///
    /// # Errors
    /// What it says against it.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let name = if database.contains("://") { database.to_owned() } else { self.address(ROLE, database) };
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &name, "-c", sql]).env_clear();
        let ran = psql.output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr)) }
    }

    /// Where its files are, its certificates for instance.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Processor seconds of the server and of those of its processes that live, as far as the system says.
    pub fn processor_seconds(&self) -> f64 {
        /// Of a second; Linux has never told programs another.
        const TICKS: f64 = 100.0;
        let own = |process: &&Process| process.number == self.server || process.parent == self.server;
        let ticks: u32 = processes().iter().filter(own).map(|process| process.ticks).sum();
        f64::from(ticks) / TICKS
    }

    /// The process that everything of it comes from.
    pub fn server(&self) -> u32 {
        self.server
    }

    /// Ends it with `kill -9`, all of it.
    ///
    /// # Panics
    /// When it can't be.
    pub fn kill(&mut self) {
        let is_its = |process: &Process| process.parent == self.server;
        let children: Vec<u32> = processes().into_iter().filter(is_its).map(|process| process.number).collect();
        signal("KILL", self.server);
        self.end("keep\n");
        // They see that it is gone, and go; nobody may start it again before.
        let is_there = |process: &Process| children.contains(&process.number) && !process.is_dead;
        for _ in 0..600 {
            if !processes().iter().any(is_there) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("its processes do not end");
    }

    /// Starts it again after it was killed.
    ///
    /// # Panics
    /// When it does not start within a minute.
    pub fn restart(&mut self) {
        let (watch, input, server) = watched(&self.folder, &self.programs, &self.settings);
        (self.watch, self.input, self.server) = (watch, input, server);
        self.await_answer();
    }

    fn end(&mut self, word: &str) {
        if let Some(mut input) = self.input.take() {
            let _ = input.write_all(word.as_bytes());
        }
        let _ = self.watch.wait();
    }

    fn await_answer(&self) {
        let mut last = String::new();
        for _ in 0..1_200 {
            match self.sql("postgres", "SELECT 1") {
                Ok(_) => return,
                Err(error) => last = error,
            }
            sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not answer: {last}\n{log}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end("");
    }
}

/// What the system says of a process.
struct Process {
    number: u32,
    parent: u32,
    /// Of which nothing but this is left.
    is_dead: bool,
    ticks: u32,
}

fn processes() -> Vec<Process> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = all.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let read = |stat: String| {
        // What stands in brackets may hold anything.
        let (before, after) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Process {
            number: before.split(' ').next()?.parse().ok()?,
            parent: field(1)?,
            is_dead: fields.first() == Some(&"Z"),
            ticks: field(11)? + field(12)?,
        })
    };
    stats.filter_map(read).collect()
}

/// Ends processes of PostgreSQL by their numbers.
///
/// # Panics
/// When there is no shell.
pub fn signal(signal: &str, process: u32) {
    let ran = Command::new("sh").args(["-c", &format!("kill -{signal} {process}")]).stderr(Stdio::null()).status();
    ran.expect("sh");
}

/// Starts a server, and what ends it. Answers also the server's number.
fn watched(folder: &Path, programs: &Path, settings: &[String]) -> (Child, Option<ChildStdin>, u32) {
    let server = as_other(programs.join("postgres"));
    let mut watch = Command::new("sh");
    watch.args(["-c", WATCH, "sh"]).arg(server.get_program()).args(server.get_args());
    watch.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).args(["-c", "listen_addresses="]);
    // Statistics that come or not, as the tests take long or not, would make other plans of the same statements.
    watch.args(["-c", "shared_buffers=64MB", "-c", "max_connections=60", "-c", "autovacuum=off"]);
    for setting in settings {
        watch.args(["-c", setting]);
    }
    watch.env("HOLDFAST_FOLDER", folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut watch = watch.spawn().expect("sh");
    let mut number = String::new();
    let said = watch.stdout.take().map(|out| io::BufRead::read_line(&mut io::BufReader::new(out), &mut number));
    assert!(matches!(said, Some(Ok(1..))), "the watch says which process it watches");
    let input = watch.stdin.take();
    (watch, input, number.trim().parse().expect("a number"))
}

/// Where its programs are.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut packaged: Vec<PathBuf> = packaged.map(|path| path.join("bin")).collect();
    packaged.sort_by_key(|path| version(path));
    let all = std::env::split_paths(&path).chain(packaged.into_iter().rev());
    all.into_iter().find(|path| ["initdb", "postgres", "psql"].iter().all(|name| path.join(name).is_file()))
}

fn version(programs: &Path) -> Option<u32> {
    programs.parent()?.file_name()?.to_str()?.parse().ok()
}

/// As whom the server runs when this process is root, as which it refuses to.
fn other() -> Option<(u32, u32)> {
    if !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return None;
    }
    let id = |what: &str, user: &str| -> Option<u32> {
        let ran = Command::new("id").args([what, user]).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(ran.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"].into_iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?)))
}

fn as_other(program: PathBuf) -> Command {
    let Some((user, group)) = other() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_and_gone_with_its_owner_and_a_kill_is_survived() {
        let Some(mut cluster) = Cluster::start(DURABLE) else { return };
        let folder = cluster.folder.clone();
        let database = cluster.database();
        cluster.sql(&database, "CREATE TABLE kept (n INTEGER); INSERT INTO kept VALUES (7)").unwrap();
        assert!(cluster.sql(&database, "SELECT nothing").unwrap_err().contains("does not exist"));
        cluster.kill();
        assert!(cluster.sql(&database, "SELECT 1").is_err());
        cluster.restart();
        assert_eq!(cluster.sql(&database, "SELECT n FROM kept").as_deref(), Ok("7"));
        drop(cluster);
        assert!(!folder.exists());
    }
}
