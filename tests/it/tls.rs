//! TLS in front of a server of this machine, with a certificate of an authority that nobody knows. Made of `openssl` and
//! python3; without them the tests that need it say so and are skipped, and with `CI=true` that is a failure.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Ends with its standard input, and so with the test.
const PROGRAM: &str = r#"
import os, socket, ssl, sys, threading
chain, key, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

def pump(reads, writes):
    try:
        while data := reads.recv(65536):
            writes.sendall(data)
        writes.shutdown(socket.SHUT_WR)
    except OSError:
        pass

def serve(plain):
    try:
        outside = context.wrap_socket(plain, server_side=True)
    except OSError:
        return
    inside = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
    pump(inside, outside)
    outside.close()

def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
os._exit(0)
"#;

/// A door with TLS before a port.
pub(crate) struct Tls {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Tls {
    /// In front of that port, with its files in a new folder of that name.
    pub(crate) fn before(port: u16, folder: &Path) -> Option<Self> {
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        let able = there("openssl") && there("python3");
        able.then(|| Self::of(port, folder)).or_else(missing)
    }

    #[expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]
    fn of(port: u16, folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        for who in ["authority", "stranger"] {
            let (key, certificate, subject) = (format!("{who}.key"), format!("{who}.pem"), format!("/CN={who}"));
            let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
            let files = ["-keyout", &key, "-out", &certificate, "-subj", &subject, "-days", "2"];
            openssl(folder, &[&new[..], &files[..]].concat());
        }
        let request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"];
        openssl(folder, &[&request[..], &["-keyout", "server.key", "-out", "server.csr"]].concat());
        fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
        let sign = ["x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key"];
        let made = ["-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem"];
        openssl(folder, &[&sign[..], &made[..]].concat());
        let mut python = Command::new("python3");
        python.args(["-c", PROGRAM, "server.pem", "server.key", &port.to_string()]).current_dir(folder);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), child, folder: folder.to_owned() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that vouches for it, or of one that does not.
    pub(crate) fn authority(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("pem")
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn missing() -> Option<Tls> {
    assert!(std::env::var_os("CI").is_none(), "openssl or python3 is missing, and this is CI");
    eprintln!("SKIPPED: nothing was checked over TLS: openssl or python3 is missing");
    None
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
