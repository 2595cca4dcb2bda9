//! Whom to tell, and of what: a file of `kind: Alerts`, every slip in it with its place.
//!
//! Secrets do not stand in it: it names the files, or the variables of the environment, that they are read from whenever
//! something is sent, so that one can be changed while the hub runs. Not here: sending ([`super::send`]).

use super::{
    secret::{Secret, SecretError, address},
    written::{self, Least, Spec},
};
use fleet::alert::{Rules, finding::Product, tell};
use jiff::SignedDuration;
use manifests::{
    document::{self, At, Fault, Mark},
    id,
    report::Severity,
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Why nobody can be told anything.
#[derive(Debug, thiserror::Error)]
pub enum RoutesError {
    /// The file can't be read.
    #[error("`{path}`, which says whom to tell, can't be read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It says something that makes no sense.
    #[error("{0}")]
    Content(String),
    /// Nothing of that name is in it.
    #[error("there is no route `{wanted}` in `{path}`: {hint}")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// Which is meant.
        wanted: String,
        /// Which there are.
        hint: String,
    },
    /// What it names can't be read.
    #[error("the route `{route}` can't be used")]
    Secret {
        /// Which.
        route: String,
        /// Why.
        #[source]
        source: SecretError,
    },
}

/// Whom to tell, and of what.
#[derive(Debug, Clone)]
pub struct Routes {
    /// Each of them.
    pub all: Vec<Route>,
    /// How long one waits.
    pub rules: Rules,
    /// What links begin with, without a slash at its end.
    pub link: String,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Route {
    /// Of what it is told.
    pub is: tell::Route,
    /// Where it goes.
    pub to: To,
    /// At which second of the day a digest is sent, in UTC.
    pub digest: Option<u32>,
}

/// Where a message goes.
#[derive(Debug, Clone)]
pub enum To {
    /// A webhook that speaks Slack's language.
    Slack {
        /// Its address.
        url: Secret,
    },
    /// A webhook that gets CloudEvents.
    Webhook {
        /// Its address.
        url: Secret,
        /// What messages are signed with.
        secret: Option<Secret>,
    },
    /// An SNS topic.
    Sns {
        /// Its ARN.
        topic: String,
    },
    /// AWS Security Hub.
    SecurityHub {
        /// As what.
        product: Product,
    },
}

impl Routes {
    /// What this file says.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, RoutesError> {
        let bytes = fs::read(path).map_err(|source| RoutesError::File { path: path.to_owned(), source })?;
        let routes = Self::of(&bytes).map_err(|faults| RoutesError::Content(told(path, &faults)))?;
        for route in &routes.all {
            let wrong = |source| RoutesError::Secret { route: route.is.name.clone(), source };
            let (url, secret) = match &route.to {
                To::Slack { url } => (url, None),
                To::Webhook { url, secret } => (url, secret.as_ref()),
                To::Sns { .. } | To::SecurityHub { .. } => continue,
            };
            let text = url.read().map_err(wrong)?;
            if let Err(why) = address(&text) {
                return Err(RoutesError::Content(format!("the address in {} can't be used: {why}", url.place())));
            }
            secret.map(Secret::read).transpose().map_err(wrong)?;
        }
        Ok(routes)
    }

    /// What this text says.
    fn of(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let spec: Spec = document::read(bytes, "Alerts")?;
        let mut faults = Vec::new();
        let routes = Self::meant(&spec, &mut faults);
        if faults.is_empty() { Ok(routes) } else { Err(faults) }
    }

    fn meant(spec: &Spec, faults: &mut Vec<Fault>) -> Self {
        let usual = Rules::default();
        let rules = Rules {
            settle: time(spec.settle.as_ref(), usual.settle, faults),
            not_ready_after: time(spec.not_ready_after.as_ref(), usual.not_ready_after, faults),
        };
        if let Err(why) = address(&spec.link.value) {
            let fault = Fault::new(spec.link.at, format!("`link` is what links begin with, and {why}"));
            faults.push(fault.hint("the address at which people see the hub's pages, such as `https://hub.example`"));
        }
        let fold_at = spec.fold_at.as_ref().map_or(5, |at| u64::from(at.value));
        let mut names = BTreeSet::new();
        for route in &spec.routes {
            let name = &route.name;
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_plain) {
                faults.push(Fault::new(name.at, "a route's name has letters, digits, `-`, `_` and `.`, at most 64"));
            } else if !names.insert(&name.value) {
                faults.push(Fault::new(name.at, format!("the route `{}` stands here for the second time", name.value)));
            }
        }
        let all = spec.routes.iter().filter_map(|route| Route::of(route, fold_at, faults)).collect();
        Self { all, rules, link: spec.link.value.trim_end_matches('/').to_owned() }
    }

    /// The route of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(&self, path: &Path, wanted: &str) -> Result<&Route, RoutesError> {
        let known: Vec<&str> = self.all.iter().map(|route| route.is.name.as_str()).collect();
        let unknown = || RoutesError::Unknown {
            path: path.to_owned(),
            wanted: wanted.to_owned(),
            hint: document::nearest(wanted, &known),
        };
        self.all.iter().find(|route| route.is.name == wanted).ok_or_else(unknown)
    }

    /// Whether AWS is asked to tell somebody: with credentials.
    pub fn has_aws(&self) -> bool {
        self.all.iter().any(|route| matches!(route.to, To::Sns { .. } | To::SecurityHub { .. }))
    }

    /// What it says, a line for each route.
    pub fn says(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.all.iter().map(Route::says).collect();
        let is_of_all = |route: &Route| route.is.rings.is_empty() && route.is.labels.is_empty() && route.is.changes;
        if !self.all.iter().any(is_of_all) {
            lines.push(
                "nobody is told of the hub itself: every route is for some rings or labels, or for digests".into(),
            );
        }
        lines
    }
}

impl Route {
    fn of(route: &written::Route, fold_at: u64, faults: &mut Vec<Fault>) -> Option<Self> {
        let texts = |all: &Vec<At<String>>| all.iter().map(|one| one.value.clone()).collect();
        let pairs = |all: &std::collections::BTreeMap<At<String>, At<String>>| {
            all.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
        };
        if route.rings.as_ref().is_some_and(Vec::is_empty) {
            faults.push(Fault::new(route.name.at, "`rings` is empty: leave it out for all of them"));
        }
        let to_findings = route.to.value.security_hub.is_some();
        if let Some(odd) = route.digest.as_ref().map(|digest| digest.at).or(route.fold_at.as_ref().map(|at| at.at))
            && to_findings
        {
            faults.push(Fault::new(odd, "Security Hub takes a finding for each account: no `digest`, and no `foldAt`"));
        }
        let is = tell::Route {
            name: route.name.value.clone(),
            least: match route.severity {
                None | Some(Least::Warning) => Severity::Warning,
                Some(Least::Error) => Severity::Error,
            },
            rings: route.rings.as_ref().map(texts).unwrap_or_default(),
            labels: route.labels.as_ref().map(pairs).unwrap_or_default(),
            // Every account has a finding of its own.
            fold_at: if to_findings { 0 } else { route.fold_at.as_ref().map_or(fold_at, |at| u64::from(at.value)) },
            changes: route.changes.as_ref().is_none_or(|changes| changes.value),
        };
        let digest = route.digest.as_ref().and_then(|text| clock_time(text, faults));
        if let Some(changes) = route.changes.as_ref().filter(|changes| !changes.value && route.digest.is_none()) {
            faults.push(Fault::new(changes.at, "without changes and without a `digest` it is never told anything"));
        }
        Some(Self { is, to: to(&route.to, faults)?, digest })
    }

    fn says(&self) -> String {
        let to = match &self.to {
            To::Slack { url } => format!("Slack at {}", url.place()),
            To::Webhook { url, secret } => {
                let signed = secret.as_ref().map_or(String::new(), |it| format!(", signed with {}", it.place()));
                format!("a webhook at {}{signed}", url.place())
            }
            To::Sns { topic } => topic.clone(),
            To::SecurityHub { product } => format!("Security Hub as {product}"),
        };
        let tell::Route { name, least, rings, labels, fold_at: _, changes } = &self.is;
        let mut of = vec![match least {
            Severity::Info | Severity::Warning => "warnings and errors".to_owned(),
            Severity::Error => "errors".to_owned(),
        }];
        of.extend((!rings.is_empty()).then(|| format!("of the rings {}", rings.join(", "))));
        of.extend(labels.iter().map(|(label, value)| format!("with {label}={value}")));
        let digest =
            self.digest.map(|second| format!("a digest at {:02}:{:02} UTC", second / 3_600, second % 3_600 / 60));
        let what: Vec<String> = changes.then(|| of.join(" ")).into_iter().chain(digest).collect();
        format!("{name}: {} to {to}", what.join(", and "))
    }
}

/// Where a route leads.
fn to(written: &At<written::To>, faults: &mut Vec<Fault>) -> Option<To> {
    let written::To { slack, webhook, sns, security_hub } = &written.value;
    match (slack, webhook, sns, security_hub) {
        (Some(slack), None, None, None) => {
            let places = [("urlFile", &slack.value.url_file), ("urlEnv", &slack.value.url_env)];
            let url = secret(slack.at, &places, faults)?;
            Some(To::Slack { url })
        }
        (None, Some(hook), None, None) => {
            let hooked = &hook.value;
            let places = [("url", &hooked.url), ("urlFile", &hooked.url_file), ("urlEnv", &hooked.url_env)];
            let url = secret(hook.at, &places, faults)?;
            if let (Some(text), Secret::Here(url)) = (&hooked.url, &url)
                && let Err(why) = address(url)
            {
                faults.push(Fault::new(text.at, format!("this address can't be used: {why}")));
            }
            let places = [("secretFile", &hooked.secret_file), ("secretEnv", &hooked.secret_env)];
            let is_signed = places.iter().any(|(_, place)| place.is_some());
            let secret = if is_signed { Some(secret(hook.at, &places, faults)?) } else { None };
            Some(To::Webhook { url, secret })
        }
        (None, None, Some(sns), None) => {
            let topic = &sns.value.topic;
            let parts: Vec<&str> = topic.value.split(':').collect();
            let is_topic = matches!(parts[..], ["arn", _, "sns", region, account, name]
                if !region.is_empty() && account.len() == 12 && !name.is_empty());
            if !is_topic {
                let fault = Fault::new(topic.at, format!("`{}` is not the ARN of an SNS topic", topic.value));
                faults.push(fault.hint("it looks like `arn:aws:sns:eu-central-1:111111111111:alerts`"));
                return None;
            }
            Some(To::Sns { topic: topic.value.clone() })
        }
        (None, None, None, Some(hub)) => {
            let text = &hub.value.product;
            match text.value.parse::<Product>() {
                Ok(product) => Some(To::SecurityHub { product }),
                Err(why) => {
                    let fault = Fault::new(text.at, format!("`{}` can't be used: {why}", text.value));
                    let like = "arn:aws:securityhub:eu-central-1:111111111111:product/111111111111/default";
                    faults.push(fault.hint(format!("it looks like `{like}`, with the hub's region and account")));
                    None
                }
            }
        }
        _ => {
            faults.push(Fault::new(written.at, "a route leads to one of `slack`, `webhook`, `sns` and `securityHub`"));
            None
        }
    }
}

/// The one place that is said.
fn secret(at: Mark, places: &[(&str, &Option<At<String>>)], faults: &mut Vec<Fault>) -> Option<Secret> {
    let said: Vec<(&str, &At<String>)> =
        places.iter().filter_map(|(name, place)| Some((*name, place.as_ref()?))).collect();
    let [(name, text)] = said[..] else {
        let names: Vec<String> = places.iter().map(|(name, _)| format!("`{name}`")).collect();
        faults.push(Fault::new(at, format!("one of {} is meant", names.join(", "))));
        return None;
    };
    Some(match name {
        "urlFile" | "secretFile" => Secret::File(text.value.clone().into()),
        "urlEnv" | "secretEnv" => Secret::Variable(text.value.clone()),
        _ => Secret::Here(text.value.clone()),
    })
}

fn time(text: Option<&At<String>>, usual: SignedDuration, faults: &mut Vec<Fault>) -> SignedDuration {
    /// Who waits for longer than a week does not want to be told.
    const MOST: u64 = 7 * 86_400;
    let Some(text) = text else { return usual };
    match id::duration(&text.value) {
        Ok(time) if time.as_secs() <= MOST => SignedDuration::try_from(time).unwrap_or(usual),
        Ok(_) => {
            faults.push(Fault::new(text.at, format!("`{}` is longer than a week", text.value)));
            usual
        }
        Err(malformed) => {
            faults.push(Fault::new(text.at, malformed.to_string()));
            usual
        }
    }
}

/// `07:00`, as a second of the day.
fn clock_time(text: &At<String>, faults: &mut Vec<Fault>) -> Option<u32> {
    let two = |part: &str, below: u32| {
        let is_two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|n| is_two && *n < below)
    };
    let read =
        text.value.split_once(':').and_then(|(hour, minute)| Some(two(hour, 24)? * 3_600 + two(minute, 60)? * 60));
    if read.is_none() {
        let fault = Fault::new(text.at, format!("`{}` is no time of a day", text.value));
        faults.push(fault.hint("it looks like `\"07:00\"`, and is in UTC"));
    }
    read
}

/// Slips, one a line, each with its place.
fn told(path: &Path, faults: &[Fault]) -> String {
    let one = |Fault { at, message, hint }: &Fault| {
        let place = match (at.line, at.column) {
            (0, _) => String::new(),
            (line, 0) => format!(":{line}"),
            (line, column) => format!(":{line}:{column}"),
        };
        let hint = hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        format!("{}{place}: {message}{hint}", path.display())
    };
    faults.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: holdfast/v1\nkind: Alerts\nspec:\n  link: https://hub.example\n";

    #[track_caller]
    fn check(text: &str, expect: Result<&[&str], &str>) {
        let told = Routes::of(text.as_bytes())
            .map(|routes| routes.says())
            .map_err(|faults| told(Path::new("a.yaml"), &faults));
        match (told, expect) {
            (Ok(says), Ok(expect)) => assert_eq!(says, expect, "{text}"),
            (Err(told), Err(expect)) => assert_eq!(told, expect, "{text}"),
            (told, expect) => panic!("{text}: {told:?} and not {expect:?}"),
        }
    }

    fn with(routes: &str) -> String {
        format!("{HEAD}  routes:\n{routes}")
    }

    #[test]
    fn a_file_says_whom_to_tell() {
        check(
            &with(
                "    - name: on-call\n      to: {slack: {urlFile: /etc/holdfast/slack-url}}\n      severity: error\n      rings: [prod]\n\
                 \x20   - {name: audit, to: {sns: {topic: 'arn:aws:sns:eu-central-1:111111111111:alerts'}}}\n\
                 \x20   - name: siem\n      to: {webhook: {url: 'https://siem.example/x', secretEnv: KEY}}\n      labels: {team: payments}\n      digest: \"07:00\"\n",
            ),
            Ok(&[
                "on-call: errors of the rings prod to Slack at `/etc/holdfast/slack-url`",
                "audit: warnings and errors to arn:aws:sns:eu-central-1:111111111111:alerts",
                "siem: warnings and errors with team=payments, and a digest at 07:00 UTC to a webhook at the file itself, signed with `$KEY`",
            ]),
        );
        check(
            &with("    - {name: d, to: {slack: {urlEnv: U}}, digest: '23:59', changes: false}\n"),
            Ok(&[
                "d: a digest at 23:59 UTC to Slack at `$U`",
                "nobody is told of the hub itself: every route is for some rings or labels, or for digests",
            ]),
        );
        let product = "arn:aws:securityhub:eu-central-1:111111111111:product/111111111111/default";
        check(
            &with(&format!("    - {{name: s, to: {{securityHub: {{product: '{product}'}}}}}}\n")),
            Ok(&[&format!("s: warnings and errors to Security Hub as {product}")]),
        );
    }

    #[test]
    fn a_slip_has_its_place() {
        let route = |fields: &str| with(&format!("    - {{name: a, {fields}}}\n"));
        let to = "to: {slack: {urlFile: /u}}";
        check(
            &route("tо: {}"),
            Err(
                "a.yaml:6:17: unknown field `tо`\n  hint: did you mean `to`?\na.yaml:6:7: `routes`: the field `to` is missing",
            ),
        );
        check(
            &route(&format!("{to}, severity: eror")),
            Err("a.yaml:6:55: `severity`: unknown word `eror`\n  hint: did you mean `error`?"),
        );
        check(
            &route("to: {}"),
            Err("a.yaml:6:21: a route leads to one of `slack`, `webhook`, `sns` and `securityHub`"),
        );
        check(&route("to: {slack: {}}"), Err("a.yaml:6:29: one of `urlFile`, `urlEnv` is meant"));
        check(
            &route("to: {webhook: {url: 'http://example.com/x'}}"),
            Err("a.yaml:6:37: this address can't be used: it must begin with `https://`, unless it is on this machine"),
        );
        check(
            &route("to: {sns: {topic: 'arn:aws:sqs:eu-central-1:111111111111:alerts'}}"),
            Err(
                "a.yaml:6:35: `arn:aws:sqs:eu-central-1:111111111111:alerts` is not the ARN of an SNS topic\n  hint: it looks like `arn:aws:sns:eu-central-1:111111111111:alerts`",
            ),
        );
        let hub = |product: &str| format!("to: {{securityHub: {{product: '{product}'}}}}");
        let other = "arn:aws:securityhub:eu-central-1:111111111111:product/aws/guardduty";
        check(
            &route(&hub(other)),
            Err(&format!(
                "a.yaml:6:45: `{other}` can't be used: only the default product of the account itself can be told\n  hint: it looks like `arn:aws:securityhub:eu-central-1:111111111111:product/111111111111/default`, with the hub's region and account"
            )),
        );
        let own = "arn:aws:securityhub:eu-central-1:111111111111:product/111111111111/default";
        check(
            &route(&format!("{}, foldAt: 9", hub(own))),
            Err("a.yaml:6:133: Security Hub takes a finding for each account: no `digest`, and no `foldAt`"),
        );
        check(
            &route(&format!("{to}, digest: '7:00'")),
            Err("a.yaml:6:53: `7:00` is no time of a day\n  hint: it looks like `\"07:00\"`, and is in UTC"),
        );
        check(
            &route(&format!("{to}, changes: false")),
            Err("a.yaml:6:54: without changes and without a `digest` it is never told anything"),
        );
        check(&route(&format!("{to}, rings: []")), Err("a.yaml:6:14: `rings` is empty: leave it out for all of them"));
        check(
            &with(&format!("    - {{name: a, {to}}}\n    - {{name: a, {to}}}\n")),
            Err("a.yaml:7:14: the route `a` stands here for the second time"),
        );
        check(
            &with(&format!("    - {{name: 'a b', {to}}}\n")),
            Err("a.yaml:6:14: a route's name has letters, digits, `-`, `_` and `.`, at most 64"),
        );
        check(&format!("{HEAD}  settle: 9d\n  routes: []\n"), Err("a.yaml:5:11: `9d` is longer than a week"));
        check(
            &HEAD.replace("https:", "http:").replace("spec:", "spec:\n  routes: []"),
            Err(
                "a.yaml:5:9: `link` is what links begin with, and it must begin with `https://`, unless it is on this machine\n  hint: the address at which people see the hub's pages, such as `https://hub.example`",
            ),
        );
    }

    #[test]
    fn what_a_file_names_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let (file, url) = (folder.path().join("alerts.yaml"), folder.path().join("url"));
        let check = |expect: &str| {
            fs::write(&file, with(&format!("    - {{name: chat, to: {{slack: {{urlFile: {}}}}}}}\n", url.display())))
                .unwrap();
            let told = Routes::read(&file).map_or_else(|error| crate::chain(&error), |routes| routes.says().join("; "));
            assert!(told.contains(expect), "{told}");
        };
        check("the route `chat` can't be used: `");
        fs::write(&url, " \n").unwrap();
        check("there is nothing in `");
        fs::write(&url, "http://example.com/secret").unwrap();
        check("can't be used: it must begin with `https://`, unless it is on this machine");
        fs::write(&url, "https://example.com/secret\n").unwrap();
        check("chat: warnings and errors to Slack at `");
        let routes = Routes::read(&file).unwrap();
        assert!(routes.named(&file, "cat").unwrap_err().to_string().ends_with("did you mean `chat`?"));
    }
}
