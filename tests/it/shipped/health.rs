//! Health: checks of a real server on this machine, of parameters and of alarms; going back; CloudFormation's own rollback
//! triggers.

use crate::site::{Site, parameter};
use manifests::report::{State, What};
use sim::{fault::Fault, store::Key};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

/// Lets addresses of this machine be asked.
const LEAVE: &str = "{may: {privateChecks: true}}";

/// A server on a port of its own that answers every request alike, and counts them.
struct Service {
    port: u16,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicU64>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicU64::default()));
        let (said, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.fetch_add(1, SeqCst);
                let mut request = Vec::new();
                let mut piece = [0; 1024];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut piece) {
                        Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                        Ok(_) | Err(_) => break,
                    }
                }
                // A client that hangs up is its own business.
                stream.write_all(said.lock().unwrap().as_bytes()).ok();
            }
        });
        let service = Self { port, answer, asked };
        service.says(200, "", "I am well");
        service
    }

    /// From now on it answers with this status, these header lines and this text.
    fn says(&self, status: u16, headers: &str, text: &str) {
        let length = text.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{text}");
        *self.answer.lock().unwrap() = answer;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/health", self.port)
    }

    fn asked(&self) -> u64 {
        self.asked.load(SeqCst)
    }

    /// Checks of this service, a moment after a change.
    fn checks(&self) -> String {
        format!("checks: [{{name: health, within: 1s, http: {{url: '{}', contains: well}}}}]", self.url())
    }
}

/// A site that lets this machine be asked, with one stack that is checked by this service.
fn site(service: &Service) -> Site {
    let site = Site::of(&[("app", &service.checks())]);
    site.operator().guardrails(LEAVE);
    site
}

/// The next commit asks for this value, under the same checks.
fn change(site: &Site, service: &Service, value: &str) {
    site.write("app", &format!("parameters: {{Value: {value}}}\n{}", service.checks()));
    site.repository.commit();
}

#[test]
fn an_address_of_this_machine_is_not_asked_without_the_accounts_leave_whatever_its_name() {
    let service = Service::start();
    let ports =
        [service.url(), service.url().replace("127.0.0.1", "localhost"), service.url().replace("127.0.0.1", "0x7f.1")];
    for url in ports {
        let site = Site::of(&[("app", &format!("checks: [{{name: health, within: 0s, http: {{url: '{url}'}}}}]"))]);
        let turn = site.once().expect(State::Unknown, 75);
        let why = turn.why("app");
        assert!(
            why.contains("the check `health` says: it is not asked, because its host is a loopback address")
                && why.contains("`may: {privateChecks: true}`"),
            "{url}: {why}"
        );
        assert_eq!(service.asked(), 0, "{url}");
        site.operator().guardrails(LEAVE);
        site.once().expect(State::InSync, 0);
        assert_eq!(service.asked.swap(0, SeqCst), 1, "{url}");
    }
}

#[test]
fn redirects_are_not_followed_and_where_credentials_lie_nobody_asks() {
    let (service, other) = (Service::start(), Service::start());
    let site = site(&service);
    site.once().expect(State::InSync, 0);
    for to in ["http://169.254.169.254/latest/meta-data/".to_owned(), other.url()] {
        service.says(302, &format!("Location: {to}\r\n"), "well");
        let turn = site.once().expect(State::Failed, 1);
        assert!(turn.why("app").contains("answered 302 instead of 200, and redirects are not followed"), "{turn:#?}");
    }
    assert_eq!(other.asked(), 0);
    site.write("app", "checks: [{name: health, within: 0s, http: {url: 'http://169.254.169.254/latest/meta-data/'}}]");
    site.repository.commit();
    let turn = site.once().expect(State::Unknown, 75);
    assert!(turn.why("app").contains("its host is a link-local address, which is never asked"), "{turn:#?}");
}

#[test]
fn only_the_beginning_of_an_answer_is_read_and_silence_is_no_health() {
    let service = Service::start();
    let site = site(&service);
    site.once().expect(State::InSync, 0);
    service.says(200, "", &format!("{}well", "x".repeat((64 << 10) - 4)));
    site.once().expect(State::InSync, 0);
    service.says(200, "", &format!("{}well", "x".repeat((64 << 10) - 3)));
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("app").contains("answered without the text that it should hold"), "{turn:#?}");
    service.answer.lock().unwrap().clear();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("app").contains("/health gave no answer ("), "{turn:#?}");
}

#[test]
fn a_change_that_fails_its_checks_goes_back_is_held_and_everybody_is_told_by_which() {
    let service = Service::start();
    let site = site(&service);
    site.once().expect(State::InSync, 0);
    service.says(500, "", "no");
    change(&site, &service, "two");
    let turn = site.once().expect(State::Failed, 1);
    assert_eq!(turn.happened(What::Updated), ["app"]);
    assert_eq!(turn.happened(What::Failed), ["app"]);
    assert_eq!(turn.happened(What::Recovered), ["app"]);
    assert_eq!(site.operator().parameter("/app").as_deref(), Some("one"));
    let words = "answered 500 instead of 200; it was brought back to its form at";
    assert!(turn.why("app").contains(words), "{turn:#?}");
    let ran = site.run(&["status"]);
    assert!(ran.stdout.contains(words) && ran.code == Some(1), "{ran:?}");
    // Good or not, the same change is not made again.
    service.says(200, "", "well");
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::Failed, 1);
    assert_eq!((calls.get("cloudformation:CreateChangeSet"), calls.get("ssm:PutParameter")), (None, None));
    change(&site, &service, "three");
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/app").as_deref(), Some("three"));
    // In a terminal: what is waited for, what failed, what became of it.
    service.says(500, "", "no");
    change(&site, &service, "four");
    let ran = site.run(&["once"]);
    assert!(ran.said().contains("health answered 500 instead of 200") && ran.said().contains(words), "{ran:?}");
    assert!(ran.said().contains("was brought back to an earlier form"), "{ran:?}");
    assert_eq!(site.operator().parameter("/app").as_deref(), Some("three"));
}

#[test]
fn the_way_back_is_found_in_a_copy_of_the_repository_that_is_younger_than_it() {
    let service = Service::start();
    let site = site(&service);
    let (_server, url) = site.served();
    let once = || {
        let mut agent = site.agent(&["once", "-o", "json"]);
        crate::site::Turn::of(crate::binary::Ran::of(agent.env("HOLDFAST_REPOSITORY", &url)))
    };
    once().expect(State::InSync, 0);
    // Going back would remove what this commit adds, so it waits for a person.
    let more = "  More: {Type: AWS::SSM::Parameter, Properties: {Name: /more, Type: String, Value: m}}\n";
    site.template("app", &parameter("app", "two").replace("Outputs:\n", &format!("{more}Outputs:\n")));
    site.repository.commit();
    service.says(500, "", "no");
    let turn = once().expect(State::Held, 3);
    let why = turn.why("app").to_owned();
    assert!(why.contains("would remove More (AWS::SSM::Parameter)"), "{why}");
    // A copy that is made now begins with the newest commit, which was accepted already.
    fs::remove_dir_all(site.file("cache")).unwrap();
    assert_eq!(once().expect(State::Held, 3).why("app"), why);
    let plan = turn.stack("app").plan.clone().unwrap();
    let approved = site.run(&["approve", &plan, "--reason", "it is new", "--for", "1h"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    fs::remove_dir_all(site.file("cache")).unwrap();
    let turn = once().expect(State::Failed, 1);
    assert_eq!(turn.happened(What::Recovered), ["app"]);
    assert_eq!(site.operator().parameter("/more"), None);
}

/// An alarm that no stack made.
fn alarm(site: &Site, kind: &str, name: &str, state: &str) {
    let key = Key::new(&crate::world::HOME.parse().unwrap(), kind, name);
    site.world(|world, account| {
        world.place_resource(account, key.clone(), Default::default());
        world.set_attribute(account, &key, "StateValue", state.into()).unwrap();
    });
}

const METRIC: &str = "AWS::CloudWatch::Alarm";

#[test]
fn alarms_and_parameters_are_asked_together_and_only_ok_is_good() {
    let arn = "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:all";
    let checks = format!(
        "checks: [{{alarm: {{name: one}}}}, {{alarm: {{arn: '{arn}'}}}}, {{ssm: {{name: /up, equals: 'yes'}}}}]"
    );
    let site = Site::of(&[("a", &checks), ("b", &checks)]);
    alarm(&site, METRIC, "one", "OK");
    alarm(&site, "AWS::CloudWatch::CompositeAlarm", "all", "OK");
    site.operator().put("/up", "String", "yes");
    site.once().expect(State::InSync, 0);
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!((calls["cloudwatch:DescribeAlarms"], calls.get("ssm:PutParameter")), (1, None), "{calls:?}");
    let told = |state: State, code: i32, words: &str| {
        let turn = site.once().expect(state, code);
        assert!(turn.why("a").contains(words) && turn.why("b").contains(words), "{turn:#?}");
    };
    alarm(&site, "AWS::CloudWatch::CompositeAlarm", "all", "ALARM");
    told(State::Failed, 1, "the check `alarm all` says: the alarm is in ALARM");
    alarm(&site, "AWS::CloudWatch::CompositeAlarm", "all", "OK");
    alarm(&site, METRIC, "one", "INSUFFICIENT_DATA");
    told(State::Unknown, 75, "the check `alarm one` says: the alarm is in INSUFFICIENT_DATA, which is not OK");
    alarm(&site, METRIC, "one", "OK");
    site.fault("cloudwatch:DescribeAlarms", None, Fault::Denied);
    let turn = site.once();
    assert_eq!((turn.report.state, turn.ran.code), (State::Unknown, Some(77)), "{turn:#?}");
    assert!(turn.why("a").contains("give the agent's role the permission `cloudwatch:DescribeAlarms`"), "{turn:#?}");
    site.calm();
    site.operator().ssm("DeleteParameter", &serde_json::json!({ "Name": "/up" }));
    site.operator().put("/up", "SecureString", "canary");
    let turn = site.once().expect(State::Unknown, 75);
    assert!(turn.why("a").contains("SecureString") && !turn.ran.said().contains("canary"), "{turn:#?}");
}

#[test]
fn a_rollback_trigger_of_the_manifest_is_cloudformations_to_pull() {
    let arn = "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:errors";
    let rollback = format!("rollback: {{alarms: ['{arn}'], monitor: 5m}}");
    let site = Site::of(&[("app", &rollback)]);
    alarm(&site, METRIC, "errors", "OK");
    site.once().expect(State::InSync, 0);
    alarm(&site, METRIC, "errors", "ALARM");
    site.write("app", &format!("parameters: {{Value: two}}\n{rollback}"));
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("app").contains(&format!("Rollback Trigger {arn} went into ALARM state")), "{turn:#?}");
    assert_eq!(site.operator().parameter("/app").as_deref(), Some("one"));
}
