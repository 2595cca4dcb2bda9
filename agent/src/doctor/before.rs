//! What has to be there before an account gets its agent, looked at without changing anything.
//!
//! Not here: whether CloudFormation may make what is in the template as these credentials; only making it tells.

use super::{Check, account, permissions::told, repository};
use crate::{
    bootstrap::Bundle,
    clock::SystemClock,
    cloud::{Clock, Cloud, Trouble, aws::Aws, count::Calls, objects, probe::Marks},
    config::Config,
    doctor::machine::Scratch,
    error::{CommandError, Exit},
    shipped::{Nobody, Shipped},
};
use aws_config::SdkConfig;
use manifests::id::Digest;
use plan::bootstrap::{Way, way};

/// What Lambda takes as a zip in a bucket.
const MOST: u64 = 250 << 20;

/// Looks at everything; `tell` hears of each as soon as it is known.
///
/// # Errors
/// When the configuration can't be used.
pub(crate) async fn before(
    config: &Config,
    aws: &SdkConfig,
    bundle: &Bundle,
    tell: &mut dyn FnMut(&Check),
) -> Result<Vec<Check>, CommandError> {
    let calls = Calls::default();
    let cloud = Aws::new(aws.clone(), calls.clone());
    let mut all = Vec::new();
    let mut say = |check: Check| {
        tell(&check);
        all.push(check);
    };
    let caller = cloud.caller().await;
    let identity = account::identity(config, &caller);
    let is_meant = identity.exit == Exit::Done;
    say(identity);
    say(account::clock(calls.time(), SystemClock.now()));
    if !is_meant {
        for name in ["stack", "parameters", "room", "permissions", "code", "topic"] {
            say(Check::after(name, "identity"));
        }
        return Ok(all);
    }
    stack(&cloud, bundle, &mut say).await;
    say(room(&cloud, bundle).await);
    permissions(&cloud, bundle, &mut say).await;
    say(code(aws, &calls, bundle).await);
    say(topic(aws, &calls, bundle).await);
    say(reachable(config, aws).await?);
    Ok(all)
}

/// The stack of that name, and what its template is told.
async fn stack(cloud: &Aws, bundle: &Bundle, say: &mut dyn FnMut(Check)) {
    const NAME: &str = "stack";
    let name = bundle.key.stack.as_str();
    let found = match cloud.stack(&bundle.key).await {
        Ok(existing) => existing.map(|existing| existing.found),
        Err(error) => {
            say(Check::failed(NAME, error));
            return say(Check::after("parameters", NAME));
        }
    };
    say(match way(name, found.as_ref()) {
        Ok(Way::Make) => Check::good(NAME, format!("{}: there is no `{name}` yet; it will be made", bundle.key.region)),
        Ok(Way::Change) => Check::good(NAME, format!("{}: `{name}` is there, and will be changed", bundle.key.region)),
        Err(why) => Check::bad(NAME, Exit::Held, why, "see to that, or take another name (`--stack`)"),
    });
    say(match bundle.sound(found.as_ref()) {
        Ok(()) => {
            Check::good("parameters", format!("{} are said, and the template knows them", bundle.parameters.len()))
        }
        Err(wrong) => {
            let fix =
                "say them by a flag (`--repository`, `--topic`, `--code`, `--sha256`) or `--parameter NAME=VALUE`";
            Check::bad("parameters", Exit::Config, wrong.join("; "), fix)
        }
    });
}

/// Whether CloudFormation lets the region have one stack more, besides those that manifests will ask for.
async fn room(cloud: &Aws, bundle: &Bundle) -> Check {
    const NAME: &str = "room";
    let region = &bundle.key.region;
    let (most, there, is_there) = match (cloud.most_stacks(region).await, cloud.stacks(region).await) {
        (Ok(most), Ok(stacks)) => (most, stacks.len(), stacks.iter().any(|(key, _)| *key == bundle.key)),
        (Err(error), _) | (_, Err(error)) => return Check::failed(NAME, error),
    };
    match most {
        Some(most) if there < most || is_there => {
            Check::good(NAME, format!("{region}: {there} of {most} stacks are taken"))
        }
        Some(most) => Check::bad(
            NAME,
            Exit::Failed,
            format!("{region}: {there} of {most} stacks are taken, and the agent's would be one more"),
            "have the quota of CloudFormation stacks raised (Service Quotas), or delete some",
        ),
        None => Check::unchecked(
            NAME,
            format!("{region}: CloudFormation names no limit of stacks"),
            "Service Quotas shows it",
        ),
    }
}

/// The calls that deploying makes, asked for a stack that nobody has. What CloudFormation then makes can't be asked about.
async fn permissions(cloud: &Aws, bundle: &Bundle, say: &mut dyn FnMut(Check)) {
    const NEEDED: [&str; 3] =
        ["cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet"];
    let nobodys = format!("{}-{}", bundle.key.stack, Digest::of(bundle.key.to_string().as_bytes()).short(12));
    let marks = Marks { change_set: &nobodys, owner: bundle.key.stack.as_ref(), role: None };
    let mut probes = Vec::from(cloud.prober(&bundle.key.region).writes(&nobodys, &marks).await);
    probes.retain(|probe| NEEDED.contains(&probe.call));
    told(probes, &bundle.key.region, &format!("stack `{nobodys}`")).into_iter().for_each(&mut *say);
    say(Check::unchecked(
        "permissions",
        "whether these credentials may make roles, a function, queues, rules, a schedule, parameters, a bucket, a log group and \
         alarms: only making them tells",
        "a creation that may not is undone, and says what was missing",
    ));
}

/// The agent's code: there, and the one that is meant.
async fn code(aws: &SdkConfig, calls: &Calls, bundle: &Bundle) -> Check {
    const NAME: &str = "code";
    let of = |name: &str| bundle.parameters.get(name).map(String::as_str);
    let (Some(bucket), Some(key)) = (of("CodeBucket"), of("CodeKey")) else {
        return Check::unchecked(NAME, "nobody says where it lies", "`--code s3://BUCKET/KEY --sha256 HEX`");
    };
    let bytes = match objects::whole(aws, calls, (&bundle.key.region, bucket, key), MOST).await {
        Ok(bytes) => bytes,
        Err(error) => return Check::failed(NAME, error),
    };
    let digest = Digest::of(&bytes).to_string();
    let found = format!("s3://{bucket}/{key}: {} KiB, sha256 {digest}", bytes.len() >> 10);
    match of("CodeSha256") {
        Some(expected) if expected == digest => Check::good(NAME, found),
        Some(expected) => Check::bad(
            NAME,
            Exit::Failed,
            format!("{found}, and `{expected}` was expected"),
            "compare it with the release's list of checksums, and upload it again",
        ),
        None => Check::unchecked(NAME, format!("{found}; nobody says which it should be"), "`--sha256 HEX`"),
    }
}

/// The hub's topic, as far as it says anything to another account.
async fn topic(aws: &SdkConfig, calls: &Calls, bundle: &Bundle) -> Check {
    const NAME: &str = "topic";
    let Some(arn) = bundle.parameters.get("HubTopicArn") else {
        return Check::unchecked(NAME, "nobody says which it is", "`--topic ARN`");
    };
    let Some(region) = arn.split(':').nth(3).filter(|_| super::machine::is_topic(arn)) else {
        let fix = "`--topic` takes one as in `arn:aws:sns:eu-central-1:999999999999:holdfast-reports`";
        return Check::bad(NAME, Exit::Config, format!("`{arn}` is not the ARN of a topic"), fix);
    };
    let builder = aws_sdk_sns::config::Builder::from(aws).interceptor(calls.clone());
    let sns =
        aws_sdk_sns::Client::from_conf(builder.region(aws_sdk_sns::config::Region::new(region.to_owned())).build());
    let answer = sns.get_topic_attributes().topic_arn(arn).send().await;
    let unsure = |why: String| {
        Check::unchecked(
            NAME,
            format!("{arn}: {why}"),
            "the agent's first report tells, and is told again later if it can't",
        )
    };
    match answer.map_err(|error| crate::cloud::trouble::trouble("sns:GetTopicAttributes", &error)) {
        Ok(_) => unsure("it is there; whether its policy lets the agent publish is only known once it does".into()),
        Err(error) if error.problem == Trouble::NotFound => {
            Check::bad(NAME, Exit::Failed, format!("{arn}: {error}"), "make the hub first, or mend the ARN")
        }
        Err(error) => unsure(format!("it says nothing to this account ({})", error.problem)),
    }
}

/// Whether the repository answers here. The agent's own way there may be another one.
async fn reachable(config: &Config, aws: &SdkConfig) -> Result<Check, CommandError> {
    if config.repository.is_none() {
        return Ok(Check::unchecked("repository", "nobody says which it is", "`--repository URL`"));
    }
    let scratch = Scratch::beside(&config.cache);
    let apart = Config { cache: scratch.path().to_owned(), ..config.clone() };
    let (world, _) = Shipped::new(&apart, aws, Calls::default(), Nobody)?;
    Ok(match repository::repository(&world, None).await {
        Ok((check, _)) => check,
        Err(check) => check,
    })
}
