//! A hub with some accounts, served on this machine, and whoever asks it for a page.

use super::*;

/// A hub with pages, and what a browser sends it.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) store: Store,
    pub(super) tell: watch::Sender<Health>,
}

pub(super) const COMMIT: &str = "0f3c2aa000000000000000000000000000000000";

/// So many accounts, of which every tenth has something that failed and drifted.
pub(crate) fn fill(store: &mut Store, accounts: usize) {
    let bodies: Vec<String> = (0..accounts).map(|n| account(n).to_string()).collect();
    for bodies in bodies.chunks(100) {
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        store.keep(&bodies, at(0)).unwrap();
    }
}

pub(super) fn account(n: usize) -> Value {
    let (id, bad) = (format!("{:012}", 100_000_000_000 + n), n.is_multiple_of(10));
    let mut report = report(1, "in-sync");
    report["subject"] = id.as_str().into();
    report["source"] = format!("/holdfast/{id}").into();
    let data = &mut report["data"];
    (data["account"], data["accountName"]) = (id.into(), format!("team-{n}").into());
    let stack = |name: &str, state: &str| {
        json!({
            "manifest": name, "region": "eu-central-1", "stack": name, "state": state, "provides": ["CIS-3.1"],
            "status": "UPDATE_COMPLETE",
        })
    };
    data["stacks"] = json!([stack("audit", "in-sync"), stack("alerts", if bad { "failed" } else { "in-sync" })]);
    if bad {
        data["stacks"][1]["why"] = "AccessDenied on <kms:PutKeyPolicy>".into();
        data["stacks"][1]["drift"] = json!({"mode": "heal", "compared": 1, "resources": 2, "driftedTotal": 1, "drifted": [{
            "resource": "Topic", "type": "AWS::SNS::Topic", "how": "modified", "since": "2026-05-01T11:00:00Z",
            "paths": ["/DisplayName"], "by": "arn:aws:iam::111111111111:user/mallory", "call": "sns:SetTopicAttributes",
        }]});
        data["holds"] = json!([{"stack": "alerts", "until": "2026-06-01T00:00:00Z", "reason": "=cmd", "by": "ops"}]);
    }
    report
}

impl Served {
    pub(super) fn of(spot: &Spot, accounts: usize) -> Self {
        Self::with(spot, accounts, Guard::open(None, None, None).unwrap())
    }

    pub(super) fn with(spot: &Spot, accounts: usize, guard: Guard) -> Self {
        let mut store = spot.write("store");
        fill(&mut store, accounts);
        store.keep(&["<b>no report</b>"], at(1)).unwrap();
        let (tell, health) = watch::channel(Health::default());
        let pages = Pages { store: spot.read("store"), health, patience: Patience::default(), clock, guard };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(listen("127.0.0.1:0".parse().unwrap(), false)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || runtime.block_on(serve(listener, pages)));
        Self { address, store, tell }
    }

    /// An answer: its status, its head and its body.
    pub(super) fn ask(&self, line: &str, headers: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        write!(stream, "{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), unchunked(head, body))
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> String {
        let (status, _, body) = self.ask(&format!("GET {path}"), "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

fn unchunked(head: &str, body: &str) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
        if size == 0 {
            break;
        }
    }
    whole
}

pub(super) fn clock() -> Timestamp {
    at(10_000)
}
