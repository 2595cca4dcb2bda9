//! Connections that are encrypted: what each `sslmode` takes for the server, and what it does not.

use super::*;
use cluster::{Cluster, HASTY};
use std::{
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    process::Command,
};

/// A certificate of its own for `localhost`, and one that has nothing to do with it.
fn certificates(folder: &Path) {
    for (name, host) in [("server", "localhost"), ("other", "elsewhere")] {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        openssl.args(["-subj", &format!("/CN={host}"), "-addext", &format!("subjectAltName=DNS:{host}")]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl
            .arg("-keyout")
            .arg(folder.join(format!("{name}.key")))
            .arg("-out")
            .arg(folder.join(format!("{name}.crt")));
        let ran = openssl.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// A server that speaks TLS on this machine's own address, to whoever knows a password; its port.
fn serving() -> Option<(Cluster, u16, TempDir)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port_setting = format!("port={port}");
    let cluster = Cluster::start(&[HASTY, &["listen_addresses=127.0.0.1", &port_setting]].concat())?;
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let data = cluster.data();
    let owner = std::fs::metadata(&data).unwrap();
    for name in ["server.key", "server.crt"] {
        let to = data.join(name);
        std::fs::copy(folder.path().join(name), &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
    cluster.sql("postgres", "ALTER ROLE holdfast PASSWORD 'the: secret'").unwrap();
    cluster.sql("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()").unwrap();
    Some((cluster, port, folder))
}

#[test]
fn a_server_is_believed_as_far_as_the_mode_says() {
    let Some((cluster, port, folder)) = serving() else { return };
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (own, other) = (file("server.crt"), file("other.crt"));
    let name = cluster.database();
    let name = name.split(['/', '?']).nth(3).unwrap();
    drop(Store::open(Path::new(&cluster.address("holdfast", name)), Access::Write(None)).unwrap());
    let open = |host: &str, how: &str| {
        let address = format!("postgres://holdfast:the%3A%20secret@{host}:{port}/{name}?{how}");
        Store::open(Path::new(&address), Access::Read).map_err(|error| crate::chain(&error))
    };
    let check = |host: &str, how: &str, is_encrypted: bool| {
        let store = open(host, how).unwrap_or_else(|error| panic!("{how}: {error}"));
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let found: Option<bool> = store.database.row(sql, &[], |row| row.get(0)).unwrap();
        assert_eq!(found, Some(is_encrypted), "{how}");
    };
    // The reload comes by itself, and soon.
    shared::until(|| open("127.0.0.1", "sslmode=require").is_ok());
    check("127.0.0.1", "sslmode=disable", false);
    check("127.0.0.1", "sslmode=prefer", true);
    check("127.0.0.1", "sslmode=require", true);
    // The password is bound to the server that was spoken to.
    check("127.0.0.1", "sslmode=require&channel_binding=require", true);
    check("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={own}"), true);
    check("localhost", &format!("hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={own}"), true);
    let refused = |host: &str, how: &str, words: &str| {
        let error = open(host, how).unwrap_err();
        assert!(error.contains(words) && !error.contains("secret"), "{how}: {error}");
    };
    refused("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={own}"), "not valid for name");
    refused("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={other}"), "invalid peer certificate");
    refused("127.0.0.1", &format!("sslmode=require&sslrootcert={other}"), "invalid peer certificate");
    refused("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={}", file("none")), "`sslrootcert`) can't be read");
    refused("127.0.0.1", "sslmode=verify-full&sslrootcert=system", "invalid peer certificate");
    cluster.sql("postgres", "ALTER ROLE holdfast PASSWORD 'another'").unwrap();
    refused("127.0.0.1", "sslmode=require", "password authentication failed");
}
