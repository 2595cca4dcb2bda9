//! The artifact bucket: whether it is there and the account's own, and what the agent may do in it.

use super::{Check, permissions::told};
use crate::{
    cloud::{
        Cloud, CloudError, Trouble,
        aws::Aws,
        probe::{Probe, let_in},
    },
    error::Exit,
    show::counted,
};
use plan::shelf::{Rules, Shelf};

const NAME: &str = "artifact bucket";

/// One bucket. `unused` is a name that nobody has.
pub(super) async fn bucket(cloud: &Aws, rules: &Rules, shelf: &Shelf, unused: &str, say: &mut dyn FnMut(Check)) {
    let Shelf { bucket, region, .. } = shelf;
    match cloud.shelved(shelf, &rules.prefix()).await {
        Ok(objects) => say(Check::good(NAME, format!("{bucket} in {region}: {}", counted(objects.len(), "object")))),
        Err(error) => {
            say(unlisted(error, shelf));
            // Whoever may not list a bucket is denied what is not there, whether he may read it or not.
            say(Check::after("permissions", NAME));
            return;
        }
    }
    let (prober, key) = (cloud.prober(region), format!("{}{unused}", rules.prefix()));
    let on = format!("`{bucket}/{key}`");
    let put = conditional(prober.put_object(shelf, &key).await);
    told(vec![prober.object(shelf, &key).await, put], region, &on).into_iter().for_each(&mut *say);
    say(Check::unchecked(
        "permissions",
        format!("{region}: s3:DeleteObject on {bucket}: asking would leave a marker in a bucket with versions"),
        "once a day the agent deletes what nothing uses, and says so if it may not",
    ));
}

fn unlisted(error: CloudError, shelf: &Shelf) -> Check {
    let Shelf { bucket, owner, .. } = shelf;
    let fix = match error.problem {
        Trouble::Denied => format!(
            "give the agent's role the permission `s3:ListBucket` on it, and make sure that it belongs to account {owner}: \
             somebody else's is not used"
        ),
        Trouble::NotFound => {
            format!("make a bucket `{bucket}` in this account, or name another with `--artifact-bucket`")
        }
        Trouble::Unavailable
        | Trouble::Credentials
        | Trouble::Busy
        | Trouble::AlreadyExists
        | Trouble::Invalid
        | Trouble::Limit
        | Trouble::Other => return Check::failed(NAME, error),
    };
    let exit = if error.problem == Trouble::Denied { Exit::Denied } else { Exit::Failed };
    Check::bad(NAME, exit, format!("{bucket}: {error}"), fix)
}

/// S3 wants both permissions of whoever puts an object in another one's place.
fn conditional(probe: Probe) -> Probe {
    let Probe { call, answer } = probe;
    let both = |error: CloudError| CloudError {
        message: format!("{} (asked for with `If-Match`, which needs s3:GetObject too)", error.message),
        ..error
    };
    let_in(call, answer.map_err(both))
}
