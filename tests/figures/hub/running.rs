//! The hub as it ships, with a simulated queue: what memory it holds, what others notice of an account that floods it, and when a page
//! that is open says what is new.

use super::{
    fleet_of,
    http::{Line, half_and_most, times},
    senders::{TOPIC, failed, id, report},
};
use crate::{
    figure::{Figure, Unit},
    process::{MeasureError, Program},
    settled::field,
    stage::{HOME, Stage, region},
};
use fleet::presence::Patience;
use hub::{
    clock::now,
    store::{Access, Store, view::Moment},
};
use serde_json::json;
use sim::cfn::api::{CreateStack, Deployment};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};
use tokio::time::Instant;

/// Whose the hub is.
const OWNER: &str = "888888888888";
const TEMPLATE: &str = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: reports}}}";
const MEBIBYTE: f64 = 1_048_576.0;
/// As many as SQS takes at once.
const TOGETHER: usize = 10;

/// A hub that runs.
pub(super) struct Running {
    mouth: Mouth,
    store: Store,
    accounts: usize,
    child: Child,
    /// Where its pages are.
    address: SocketAddr,
    /// How long it took until they were there.
    ready: f64,
}

impl Running {
    /// With a store of so many accounts.
    pub(super) fn start(stage: &Stage, program: &Path, file: &Path, accounts: usize) -> Result<Self, MeasureError> {
        queue(stage);
        let mouth = Mouth::of(stage)?;
        let mut environment = stage.environment(&crate::stage::id(OWNER));
        let own = [
            ("HOLDFAST_HUB_STORE", file.display().to_string()),
            ("HOLDFAST_HUB_QUEUE", url(stage)),
            ("HOLDFAST_HUB_TOPIC", TOPIC.to_owned()),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let arguments = ["run", "--listen", "127.0.0.1:0", "-o", "json"].map(str::to_owned).into();
        let program = Program { file: program.to_owned(), arguments, environment, folder: stage.folder().to_owned() };
        let began = Instant::now();
        let child = program.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| MeasureError::Program("holdfast-hub run".into(), error))?;
        let mut lines = BufReader::new(child.stderr.take().ok_or_else(silent)?).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("pages at http://").and_then(|(_, address)| address.trim_end_matches('/').parse().ok())
        });
        let ready = began.elapsed().as_secs_f64();
        thread::spawn(move || lines.for_each(drop));
        let store = Store::open(file, Access::Read).map_err(failed)?;
        match address {
            Some(address) => Ok(Self { mouth, store, accounts, child, address, ready }),
            None => {
                let _ended = child.kill().and_then(|()| child.wait());
                Err(silent())
            }
        }
    }

    /// What it holds once every page was asked for and some reports have come.
    pub(super) fn holds(&self) -> Result<Vec<Figure>, MeasureError> {
        for path in [
            "/",
            "/accounts",
            "/accounts?state=failed",
            "/stacks/platform-stack-7",
            "/controls/CIS-3.1",
            "/search?q=10",
        ] {
            times(self.address, path, 20).map_err(broken)?;
        }
        let some = (0..self.accounts).step_by((self.accounts / 500).max(1));
        let all: Vec<String> = some.map(|account| report(account, (10, now()), "in-sync")).collect();
        let mut line = self.mouth.line()?;
        all.chunks(TOGETHER).try_for_each(|some| self.mouth.put(&mut line, some))?;
        let last = (self.accounts - 1) / (self.accounts / 500).max(1) * (self.accounts / 500).max(1);
        self.heard(last, 10, Duration::from_secs(120))?;
        let status = Path::new("/proc").join(self.child.id().to_string()).join("status");
        let text = fs::read_to_string(&status).map_err(|error| MeasureError::File(status, error))?;
        let (of, is_small) = (fleet_of(self.accounts), self.accounts <= 10_000);
        let most = if is_small { 100.0 } else { 500.0 };
        Ok(vec![
            Figure::new(
                format!("the most memory that the hub had at a time, {of}"),
                field(&text, "VmHWM:"),
                Unit::Mebibytes,
            )
            .at_most(most * MEBIBYTE)
            .beside("of that, not pages of its own file, at rest", field(&text, "RssAnon:"))
            .cited("PuppetDB, as many nodes", self.accounts as f64 * 1e6),
            Figure::new("time from its start to its pages", self.ready, Unit::Seconds).at_most(2.0),
        ])
    }

    /// How fresh everybody else is while one account sends so many reports a second for so many seconds.
    pub(super) fn flooded(&self, (seconds, each): (u64, u64)) -> Result<Vec<Figure>, MeasureError> {
        let pause = Duration::from_micros(TOGETHER as u64 * 1_000_000 / each);
        let (until, flooder) = (Instant::now() + Duration::from_secs(seconds), 0);
        let mouth = self.mouth.clone();
        let flood = thread::spawn(move || -> Result<u64, MeasureError> {
            let (mut line, mut sent, began) = (mouth.line()?, 0, Instant::now());
            while Instant::now() < until {
                let number = |n: usize| (1_000 + sent as usize + n, now());
                let some: Vec<String> = (0..TOGETHER).map(|n| report(flooder, number(n), "in-sync")).collect();
                mouth.put(&mut line, &some)?;
                sent += TOGETHER as u64;
                thread::sleep((pause * (sent as u32 / TOGETHER as u32)).saturating_sub(began.elapsed()));
            }
            Ok(sent)
        });
        let fresh = self.others(until);
        let sent = flood.join().map_err(|_| MeasureError::Untrue("the flood ended".into()))??;
        let ((half, most), rate) = (fresh?, sent / seconds);
        let what = format!(
            "the longest until another account's report is in the picture, beside a flood of {rate} reports a second"
        );
        Ok(vec![Figure::new(what, most, Unit::Seconds).at_most(5.0).beside("half of them", half)])
    }

    /// Ten others report every second: how long until that is in the picture, half of them and all.
    fn others(&self, until: Instant) -> Result<(f64, f64), MeasureError> {
        let (mut line, mut waiting, mut times) = (self.mouth.line()?, BTreeMap::new(), Vec::new());
        let mut next = 1;
        let patient = until + Duration::from_secs(60);
        while Instant::now() < until || !waiting.is_empty() {
            if Instant::now() < until {
                // One in fifty is not well.
                next += if next % 50 == 49 { 2 } else { 1 };
                self.mouth.put(&mut line, &[report(next, (2_000, now()), "in-sync")])?;
                waiting.insert(next, Instant::now());
            } else if Instant::now() > patient {
                return Err(MeasureError::Untrue(format!(
                    "{} reports are not in the picture after a minute",
                    waiting.len()
                )));
            }
            let asked = Instant::now() + Duration::from_millis(100);
            while Instant::now() < asked {
                let mut here = Vec::new();
                for account in waiting.keys() {
                    if self.newest(*account)? >= 2_000 {
                        here.push(*account);
                    }
                }
                times.extend(
                    here.iter().filter_map(|account| waiting.remove(account)).map(|sent| sent.elapsed().as_secs_f64()),
                );
                thread::sleep(Duration::from_millis(5));
            }
        }
        let longest = times.iter().copied().fold(0.0, f64::max);
        Ok((half_and_most(times).0, longest))
    }

    /// How long until an open page says what is new: it is told that something is, and asks again. Of so many times the longest.
    pub(super) fn live(&self, rounds: usize) -> Result<Figure, MeasureError> {
        let (mut told, mut page, mut line) =
            (Line::to(self.address).map_err(broken)?, Line::to(self.address).map_err(broken)?, self.mouth.line()?);
        told.listen("/live").map_err(broken)?;
        let mut times = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let (account, number) = (1 + round, 3_000);
            let began = Instant::now();
            self.mouth.put(&mut line, &[report(account, (number, now()), "in-sync")])?;
            let path = format!("/accounts/{}.json", id(account));
            loop {
                told.word().map_err(broken)?;
                let text = page.get(&path).map_err(broken)?;
                if String::from_utf8_lossy(&text).contains(&format!("\"a-{number}\"")) {
                    break;
                }
            }
            times.push(began.elapsed().as_secs_f64());
        }
        let longest = times.iter().copied().fold(0.0, f64::max);
        let what = format!("the longest of {rounds} times until an open page shows a report");
        Ok(Figure::new(what, longest, Unit::Seconds).at_most(2.0).beside("half of them", half_and_most(times).0))
    }

    /// Waits until this is an account's newest report.
    fn heard(&self, account: usize, number: u64, patience: Duration) -> Result<(), MeasureError> {
        let until = Instant::now() + patience;
        while self.newest(account)? < number {
            if Instant::now() > until {
                return Err(MeasureError::Untrue(format!("{} is not heard of after {patience:?}", id(account))));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The number of an account's newest report.
    fn newest(&self, account: usize) -> Result<u64, MeasureError> {
        let moment = Moment { patience: Patience::default(), now: now() };
        let found = self.store.account(&id(account), moment).map_err(failed)?;
        Ok(found.map_or(0, |(_, event)| event.data.sequence))
    }
}

/// Where reports are put, as a topic does.
#[derive(Debug, Clone)]
struct Mouth {
    endpoint: SocketAddr,
    queue: String,
}

impl Mouth {
    fn of(stage: &Stage) -> Result<Self, MeasureError> {
        let endpoint = stage.accounts().url().trim_start_matches("http://").parse();
        Ok(Self { endpoint: endpoint.map_err(|_| silent())?, queue: url(stage) })
    }

    fn line(&self) -> Result<Line, MeasureError> {
        Line::to(self.endpoint).map_err(broken)
    }

    /// Puts some into the queue.
    fn put(&self, line: &mut Line, some: &[String]) -> Result<(), MeasureError> {
        let entry = |(n, body): (usize, &String)| json!({ "Id": n.to_string(), "MessageBody": body });
        let entries: Vec<_> = some.iter().enumerate().map(entry).collect();
        let body = json!({ "QueueUrl": self.queue, "Entries": entries }).to_string();
        let scope = format!("{OWNER}/20260101/{HOME}/sqs/aws4_request");
        let headers = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.SendMessageBatch\r\n"
        );
        line.post(&headers, &body).map(drop).map_err(broken)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Makes the queue, if it is not there.
fn queue(stage: &Stage) {
    let deployment =
        Deployment { stack_name: "hub".into(), template_body: Some(TEMPLATE.into()), ..Deployment::default() };
    stage.world(|world| {
        let stack = CreateStack { deployment, ..CreateStack::default() };
        // The second hub finds it.
        let _there = world.cfn(&crate::stage::id(OWNER), &region()).create_stack(stack);
        world.pass(Duration::from_secs(600));
    });
}

fn url(stage: &Stage) -> String {
    format!("{}/{OWNER}/reports", stage.accounts().url())
}

fn broken(error: io::Error) -> MeasureError {
    MeasureError::Program("holdfast-hub run".into(), error)
}

fn silent() -> MeasureError {
    MeasureError::Untrue("the hub did not say where its pages are".into())
}
