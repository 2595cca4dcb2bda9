//! Where pages lead: every link of every page is followed, and those of the pages behind them.

use super::*;
use std::collections::BTreeSet;

/// The addresses of this hub that a page leads to.
fn links(body: &str) -> BTreeSet<String> {
    let all = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    all.filter(|link| link.starts_with('/')).map(|link| link.replace("&amp;", "&")).collect()
}

#[test]
fn no_page_leads_to_what_is_not_there() {
    on_each(|spot| {
        let served = Served::of(spot, 25);
        let (mut known, mut left) = (BTreeSet::new(), ALL.map(str::to_owned).to_vec());
        while let Some(address) = left.pop() {
            if !known.insert(address.clone()) {
                continue;
            }
            let (status, _, body) = served.ask(&format!("GET {address}"), "");
            // A page that is no list has no table.
            assert!(status == 200 || (status == 404 && address.contains("format=csv")), "{address}: {status}");
            // From the accounts and from parts of lists it only goes on to more of the same.
            if known.len() < 150 {
                left.extend(links(&body));
            }
        }
        assert!(known.iter().any(|address| address.contains("what=drifted")), "{known:?}");
    });
}
