//! What is shown of some accounts is what a store says that never heard of another.

use super::{spot::Spot, *};
use crate::store::view::{Filter, Moment, Of};
use fleet::{page::View, presence::Patience};
use manifests::fleet::Fleet;
use serde_json::{Value, json};

/// Everything that pages are made of, as far as it is of accounts.
fn told(store: &Store) -> Value {
    let moment = Moment { patience: Patience::default(), now: at(10_000) };
    let mut overview = serde_json::to_value(store.overview(moment).unwrap()).unwrap();
    // Of no account: what came, what of it was refused, and how far back that goes.
    for name in ["messages", "quarantine", "journal"] {
        overview.as_object_mut().unwrap().remove(name);
    }
    let mut revisions = store.revisions(100).unwrap();
    revisions.sort_by(|one, other| one.commit.cmp(&other.commit));
    let revisions: Vec<Value> = revisions
        .iter()
        .map(|it| {
            let rings = store.rings(&it.commit).unwrap();
            json!([it.commit, it.first, it.signature, it.signer, it.worked, it.reached, it.applied, it.now, rings])
        })
        .collect();
    let places = store.places(None).unwrap().rows;
    let placed: Vec<Value> =
        places.iter().map(|place| json!(store.placed(&place.stack, None).unwrap().accounts)).collect();
    let controls = store.controls().unwrap();
    let provided: Vec<_> =
        controls.iter().map(|it| store.control(&it.control, None).unwrap().unwrap().stacks).collect();
    let events = store.happened(&Of::All, None).unwrap();
    let accounts = store.accounts(moment, &Filter::default(), None).unwrap();
    let newest: Vec<_> =
        accounts.rows.iter().map(|row| store.account(&row.account, moment).unwrap().unwrap().1.data).collect();
    json!({
        "overview": overview, "accounts": accounts, "newest": newest, "notReady": store.not_ready(None).unwrap(),
        "places": places, "placed": placed, "controls": controls, "provided": provided, "revisions": revisions,
        "drifted": store.drifted(None).unwrap(), "exceptions": store.exceptions(None).unwrap(), "events": events,
        "days": store.days("created", at(0)).unwrap(),
    })
}

/// Of the accounts of one ring a store that heard all of these shows what one shows that heard theirs alone.
pub(crate) fn of_a_ring(spot: &Spot, store: &mut Store, batches: &[Vec<String>], listed: &Fleet) {
    let nobody = Default::default();
    let view = |expected| View {
        expected: Some(expected),
        suspended: &nobody,
        patience: Patience::default(),
        now: at(10_000),
    };
    store.page(&view(listed)).unwrap();
    let is_meant = |labels: &BTreeMap<String, String>| labels.get("ring").is_some_and(|ring| ring == "1");
    let excerpt = store.excerpt(is_meant, at(10_000)).unwrap();

    let theirs = Fleet {
        accounts: listed
            .accounts
            .iter()
            .filter(|(_, it)| is_meant(&it.labels))
            .map(|(id, it)| (id.clone(), it.clone()))
            .collect(),
        agent: None,
    };
    let mut alone = spot.write("alone");
    alone.page(&view(&theirs)).unwrap();
    let is_theirs =
        |body: &str| Message::read(body).said.is_ok_and(|said| theirs.accounts.contains_key(&said.event.data.account));
    for (batch, n) in batches.iter().zip(0..) {
        let bodies: Vec<&str> = batch.iter().map(String::as_str).filter(|body| is_theirs(body)).collect();
        alone.keep(&bodies, at(n)).unwrap();
    }
    assert_eq!(told(&excerpt), told(&alone));
}
