//! Whoever may see some accounts sees no word of another, whatever they ask for.

use super::*;
use crate::web::guard::tokens::{Tokens, made};
use manifests::{
    fleet::{Account, Fleet},
    stack::Location,
};

/// Accounts 10 and 11 are of team `a`, all others of `b`.
fn listed(accounts: usize) -> Fleet {
    let one = |n: usize| {
        let id: manifests::id::AccountId = format!("{:012}", 100_000_000_000 + n).parse().unwrap();
        let team = if (10..12).contains(&n) { "a" } else { "b" };
        let at = Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
        (id.clone(), Account { id, name: None, labels: [("team".to_owned(), team.to_owned())].into(), at })
    };
    Fleet { accounts: (0..accounts).map(one).collect(), agent: None }
}

fn expect(served: &mut Served, accounts: usize) {
    let fleet = listed(accounts);
    served
        .store
        .page(&View {
            expected: Some(&fleet),
            suspended: &Default::default(),
            patience: Patience::default(),
            now: at(10_000),
        })
        .unwrap();
}

/// A hub of 25 accounts, and what whoever sees team `a` shows it.
fn served(spot: &Spot) -> (Served, String) {
    let (token, line) = made("ada").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{line} team=a\n")).unwrap();
    let guard = Guard::open(Some(Tokens::read(file.path()).unwrap()), None, None).unwrap();
    (Served::with(spot, 25, guard), format!("Authorization: Bearer {token}\r\n"))
}

#[test]
fn no_page_of_a_part_has_a_word_of_another_account() {
    on_each(|spot| {
        let (mut served, ada) = served(spot);
        let nobody = served.ask("GET /accounts", &ada).2;
        assert!(nobody.contains("No account."), "nobody has said whose accounts there are");
        expect(&mut served, 27);
        for path in ALL {
            for form in ["html", "json", "csv"] {
                let glue = if path.contains('?') { '&' } else { '?' };
                let (status, _, body) = served.ask(&format!("GET {path}{glue}format={form}"), &ada);
                // The account that the path of it names is another's.
                let is_theirs = path != "/accounts/100000000000" && path != "/quarantine";
                let has_rows = !(form == "csv" && body.contains("this is no list"));
                assert!(status == 200 || !(is_theirs && has_rows), "{path} {form} {status}");
                for n in (0..27).filter(|n| !(10..12).contains(n)) {
                    let id = format!("{:012}", 100_000_000_000_usize + n);
                    let asked_for = path.contains(&id);
                    assert!(asked_for || !body.contains(&id), "{path} {form} names {id}");
                    // What was asked for is said again.
                    let is_named = ["<", "\""].iter().any(|end| body.contains(&format!("team-{n}{end}")));
                    assert!(path.contains("team-") || !is_named, "{path} {n}");
                }
            }
        }
        let front: Value = serde_json::from_str(&served.ask("GET /?format=json", &ada).2).unwrap();
        assert_eq!(front["compliance"]["accounts"], 2, "{front}");
        assert_eq!(front["quarantine"], Value::Null);
        assert!(served.ask("GET /", &ada).2.contains("sees team=a"));
    });
}

#[test]
fn what_is_made_of_everybody_is_refused() {
    on_each(|spot| {
        let (mut served, ada) = served(spot);
        expect(&mut served, 25);
        let status = |path: &str| served.ask(&format!("GET {path}"), &ada).0;
        for path in ["/metrics", "/metrics.json", "/quarantine", "/quarantine.json", "/audit"] {
            assert_eq!(status(path), 403, "{path}");
        }
        assert_eq!((status("/accounts/100000000010"), status("/accounts/100000000009")), (200, 404));
        assert_eq!((status("/openapi.json"), status("/style.css")), (200, 200));
    });
}

#[test]
fn an_account_that_goes_to_another_team_is_seen_no_more() {
    on_each(|spot| {
        let (mut served, ada) = served(spot);
        expect(&mut served, 25);
        assert!(served.ask("GET /accounts", &ada).2.contains("100000000010"));
        let mut moved = listed(25);
        for account in moved.accounts.values_mut() {
            account.labels.insert("team".into(), "b".into());
        }
        served
            .store
            .page(&View {
                expected: Some(&moved),
                suspended: &Default::default(),
                patience: Patience::default(),
                now: at(10_000),
            })
            .unwrap();
        assert!(served.ask("GET /accounts", &ada).2.contains("No account."));
    });
}
