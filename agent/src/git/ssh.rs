//! git over ssh: one `ssh` program for each conversation, with its pipes on the leash.
//!
//! ssh does the secrets and the wire. What is decided here is whom it may believe: a server whose host key is known
//! already, never a new one, and nobody is ever asked. Not here: agents, certificates and jump hosts. They are the user's
//! own ssh configuration, which ssh reads as always; what is said here comes before it.

use super::{
    Ssh,
    error::{Fault, FetchError, one_line},
    leash::Leash,
    pack::Watch,
};
use gix_transport::{
    Protocol,
    client::{
        blocking_io::Transport,
        git::{ConnectMode, blocking_io::Connection},
    },
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, absolute},
    process::Stdio,
    rc::Rc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

/// What is read at a time.
const CHUNK: usize = 64 << 10;

/// How much of what ssh complains about is kept: the end says why.
const COMPLAINT: usize = 8 << 10;

/// How long the complaints of a program that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What every conversation is told, before whatever the user's own configuration says. A host key that is not known is
/// refused, and no other place may vouch for one: not DNS, not a program, not a connection that is open already. Nothing
/// is forwarded, and nobody is asked.
/// (The first line is for programs from before 8.5, which know no such command, and for what Apple's configurations say.)
const ALWAYS: [&str; 14] = [
    "IgnoreUnknown=KnownHostsCommand,UseKeychain",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "VerifyHostKeyDNS=no",
    "KnownHostsCommand=none",
    "NoHostAuthenticationForLocalhost=no",
    "UpdateHostKeys=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "RequestTTY=no",
    "SendEnv=GIT_PROTOCOL",
];

/// Begins a conversation.
///
/// # Errors
/// When the program, a file that it needs, or the URL can't be used.
pub(super) fn connect(url: &gix::Url, ssh: &Ssh, leash: &Rc<Leash>) -> Result<Box<dyn Transport>, FetchError> {
    if !is_program(&ssh.program) {
        let message = format!("an ssh URL needs the program `{}`, which is not here", ssh.program.display());
        let hint = "install an ssh client, or use an https URL; a Lambda runtime has no ssh client";
        return Err(FetchError::new(Fault::Local, message).hint(hint));
    }
    let mut command = Command::new(&ssh.program);
    command.args(options(ssh)?).args(wanted(url)?);
    command.env("GIT_PROTOCOL", "version=2").env("LC_ALL", "C").env("LANG", "C").env("SSH_ASKPASS_REQUIRE", "never");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |why: &dyn std::fmt::Display| {
        FetchError::new(Fault::Local, format!("`{}` can't be run: {why}", ssh.program.display()))
    };
    leash.sent(0);
    let mut child = leash.within(|| command.spawn()).map_err(|error| failed(&error))?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(writes), Some(reads), Some(complains)) = pipes else { return Err(failed(&"it has no pipes")) };
    let complaint = leash.within(|| tokio::spawn(listen(complains)));
    let (leash, pins) = (Rc::clone(leash), ssh.known_hosts.is_some());
    let asks = Asks { leash: Rc::clone(&leash), writes };
    let answers = Answers { leash, child, reads, complaint: Some(complaint), watch: Watch::default(), pins };
    let path = gix::url::expand_path::for_shell(url.path.clone());
    let (reads, host) = (BufReader::with_capacity(CHUNK, answers), None::<(String, Option<u16>)>);
    let connection = Connection::new(reads, asks, Protocol::V2, path, host, ConnectMode::Process, false);
    Ok(Box::new(connection.custom_url(Some(url.to_bstring()))))
}

/// The options, each with its `-o`.
fn options(ssh: &Ssh) -> Result<Vec<String>, FetchError> {
    let mut all: Vec<String> = ALWAYS.map(str::to_owned).into();
    if let Some(file) = &ssh.known_hosts {
        let name = named("--ssh-known-hosts", file)?;
        all.extend([format!("UserKnownHostsFile={name}"), "GlobalKnownHostsFile=/dev/null".to_owned()]);
    }
    if let Some(file) = &ssh.key {
        all.extend([format!("IdentityFile={}", named("--ssh-key", file)?), "IdentitiesOnly=yes".to_owned()]);
    }
    Ok(all.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect())
}

/// A file as ssh's options take it, which split at blanks and expand `%`, `$` and `~`.
fn named(option: &str, file: &Path) -> Result<String, FetchError> {
    let unusable = |why: &dyn std::fmt::Display| {
        FetchError::new(Fault::Local, format!("`{option}`: `{}` can't be read: {why}", file.display()))
    };
    File::open(file).map_err(|error| unusable(&error))?;
    let path = absolute(file).map_err(|error| unusable(&error))?;
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '$']) && !text.contains(char::is_control));
    let text = text.ok_or_else(|| unusable(&"ssh takes no quote, backslash, `$` or control character in its path"))?;
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// Where to go, and what to run there.
fn wanted(url: &gix::Url) -> Result<Vec<String>, FetchError> {
    let odd = || FetchError::new(Fault::Refused, "the repository's URL has a part that ssh would take for an option");
    let host = url.host_argument_safe().ok_or_else(odd)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut all = Vec::new();
    if url.user().is_some() {
        all.extend(["-l".to_owned(), url.user_argument_safe().ok_or_else(odd)?.to_owned()]);
    }
    all.extend(url.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    let path = gix::url::expand_path::for_shell(url.path.clone()).to_string();
    if path.trim().starts_with('-') || path.contains(['\0', '\n']) {
        return Err(odd());
    }
    // A shell on the other side reads it.
    let quoted = path.replace('\'', r"'\''").replace('!', r"'\!'");
    all.extend([host.to_owned(), "git-upload-pack".to_owned(), format!("'{quoted}'")]);
    Ok(all)
}

/// The end of what ssh and the other side complain about. All of it is read: a full pipe would stop them.
async fn listen(mut complains: ChildStderr) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = complains.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(COMPLAINT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What the other side says.
struct Answers {
    leash: Rc<Leash>,
    /// Dropping it ends it.
    child: Child,
    reads: ChildStdout,
    complaint: Option<JoinHandle<String>>,
    watch: Watch,
    pins: bool,
}

impl Answers {
    fn next(&mut self, into: &mut [u8]) -> Result<usize, FetchError> {
        let broken =
            |error: io::Error| FetchError::new(Fault::Broken, format!("the ssh connection broke off ({error})"));
        let reads = &mut self.reads;
        let read = self.leash.wait(async { reads.read(into).await.map_err(broken) })?;
        self.leash.received(read as u64)?;
        self.watch.see(&into[..read]).map_or(Ok(()), |objects| self.leash.announced(objects))?;
        if read == 0 {
            let child = &mut self.child;
            let ended = self.leash.wait(async { child.wait().await.map_err(broken) })?;
            if !ended.success() {
                return Err(refusal(&self.complaint()?, self.pins));
            }
        }
        Ok(read)
    }

    fn complaint(&mut self) -> Result<String, FetchError> {
        let Some(complaint) = self.complaint.take() else { return Ok(String::new()) };
        // Whatever ssh left running may hold the pipe open.
        self.leash
            .wait(async { Ok(timeout(LAST_WORDS, complaint).await.ok().and_then(Result::ok).unwrap_or_default()) })
    }
}

impl Read for Answers {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.next(into).map_err(|error| self.leash.fail(error))
    }
}

/// What is said to the other side.
struct Asks {
    leash: Rc<Leash>,
    writes: ChildStdin,
}

impl Write for Asks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let writes = &mut self.writes;
        // A pipe that is closed says less than the program that closed it, which is read next.
        let written = self.leash.wait(async { Ok(writes.write(bytes).await) });
        written.map_err(|error| self.leash.fail(error))?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a conversation that ssh ended badly comes to, by its complaints. OpenSSH says them in English only.
fn refusal(complaint: &str, pins: bool) -> FetchError {
    let says = |words: &str| complaint.contains(words);
    let last =
        complaint.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with("Connection closed"));
    let last = one_line(last.unwrap_or("ssh does not say why"));
    let known = if pins { "the file of" } else { "the user's `known_hosts`, or a file that is named with" };
    if says("HOST IDENTIFICATION HAS CHANGED") || says("REVOKED HOST KEY") {
        let message = "the ssh server shows another host key than the one that is known, so somebody may stand in between: \
                       if its operator says that the key is new, put that one into";
        return FetchError::new(Fault::Refused, format!("{message} {known} `--ssh-known-hosts`"));
    }
    if says("Host key verification failed") {
        let message = "the ssh server shows a host key that is not known here, and none is believed at first sight: put the \
                       one that its operator publishes into";
        return FetchError::new(Fault::Refused, format!("{message} {known} `--ssh-known-hosts`"));
    }
    if says("Permission denied") || says("Too many authentication failures") || says("Load key") {
        return FetchError::new(Fault::Unauthorized, format!("the ssh server does not accept the key ({last})"))
            .hint("name the key with `--ssh-key`; it needs a file that only its owner reads, and no passphrase");
    }
    if says("does not appear to be a git repository") || says("Repository not found") {
        return FetchError::new(Fault::NotFound, format!("the ssh server has no repository at this URL ({last})"))
            .hint("check the URL; many hosts answer the same to those who may not read it");
    }
    FetchError::new(Fault::Unreachable, format!("the ssh connection failed ({last})"))
        .hint("try the same with `ssh`, as the user that the agent runs as")
}

/// Whether there is such a program, in `PATH` or, with a `/` in its name, where it says.
fn is_program(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_by_what_can_be_done_about_it() {
        for (complaint, fault, words) in [
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                Fault::Refused,
                "stand in between",
            ),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
                Fault::Refused,
                "first sight",
            ),
            ("git@h: Permission denied (publickey).", Fault::Unauthorized, "(publickey)"),
            ("fatal: '/x' does not appear to be a git repository", Fault::NotFound, "'/x'"),
            (
                "ssh: connect to host h port 22: Connection refused\nConnection closed by h",
                Fault::Unreachable,
                "refused",
            ),
            ("", Fault::Unreachable, "does not say why"),
        ] {
            let error = refusal(complaint, true);
            assert_eq!(error.kind, fault, "{complaint}");
            assert!(error.message.contains(words), "{error}");
        }
    }

    #[test]
    fn nothing_in_a_url_is_an_option() {
        let wanted = |url: &str| wanted(&gix::url::parse(url).unwrap()).ok();
        assert_eq!(wanted("ssh://git@h:7/a;b").unwrap(), ["-l", "git", "-p", "7", "h", "git-upload-pack", "'/a;b'"]);
        assert_eq!(wanted("git@h:it's").unwrap(), ["-l", "git", "h", "git-upload-pack", r"'it'\''s'"]);
        assert_eq!(wanted("ssh://[::1]/~/a").unwrap(), ["::1", "git-upload-pack", "'~/a'"]);
        for url in ["ssh://-oProxyCommand=x/a", "ssh://-l@h/a", "git@h:-u"] {
            assert_eq!(wanted(url), None, "{url}");
        }
    }
}
