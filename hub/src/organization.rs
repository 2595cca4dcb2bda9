//! What organizations say of their accounts: which there are, and which are suspended. Asked every hour, beside everything else; one
//! that can't be asked any more leaves what it said as it was, and the picture says so.
//!
//! `organizations:ListAccounts` is allowed to an organization's management account and to those that it has delegated something to
//! (AWS Organizations API reference). Not here: what is expected of whom ([`crate::expected`]).

use crate::queue::why;
use aws_config::{BehaviorVersion, SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_organizations::{Client, types::Account};
use aws_sdk_sts::config::SharedCredentialsProvider;
use manifests::id::AccountId;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often is asked, and how soon again where there was no answer.
const EVERY: Duration = Duration::from_secs(3_600);
const AGAIN: Duration = Duration::from_secs(60);

/// As whom an organization is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum As {
    /// As the hub itself.
    Itself,
    /// With a role of another organization.
    Role(String),
}

impl FromStr for As {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts[..] {
            ["own"] => Ok(Self::Itself),
            ["arn", _, "iam", "", account, role]
                if account.parse::<AccountId>().is_ok() && role.starts_with("role/") =>
            {
                Ok(Self::Role(text.to_owned()))
            }
            _ => Err("it is `own`, or the ARN of a role that may list another organization's accounts"),
        }
    }
}

/// What was heard last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Accounts that can do something, with their names.
    pub active: BTreeMap<AccountId, Option<String>>,
    /// Accounts that can't.
    pub suspended: BTreeSet<AccountId>,
    /// Why it is as it was some time ago.
    pub trouble: Option<String>,
}

/// What was heard last, for everybody who asks.
#[derive(Debug, Clone, Default)]
pub struct Organizations(Arc<Mutex<Heard>>);

/// Why an organization said nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("which accounts the organization has can't be asked{whose}: organizations:ListAccounts failed: {why}")]
pub struct OrganizationError {
    /// With which role, in words.
    whose: String,
    /// AWS's own words, or the connection's.
    why: String,
}

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The first answer is waited for.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// This machine.
    #[error("organizations can't be asked beside everything else")]
    Machine(#[from] io::Error),
}

impl Organizations {
    /// Asks all of them now, and from now on for as long as the process lives.
    ///
    /// # Errors
    /// When one can't be asked now.
    pub fn listen(all: Vec<As>) -> Result<Self, ListenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (clients, first) = runtime.block_on(async {
            let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
            let clients = open(&config, all).await;
            let first = ask(&clients).await;
            (clients, first)
        });
        let heard = Self(Arc::new(Mutex::new(first?)));
        let told = heard.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let mut pause = EVERY;
                loop {
                    tokio::time::sleep(pause).await;
                    pause = told.hear(ask(&clients).await);
                }
            })
        });
        Ok(heard)
    }

    /// Takes an answer in, and says when to ask again.
    fn hear(&self, answer: Result<Heard, OrganizationError>) -> Duration {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(now) => {
                *heard = now;
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "the accounts that an organization had stay expected");
                heard.trouble = Some(error.to_string());
                AGAIN
            }
        }
    }

    /// What was heard last.
    pub fn heard(&self) -> Heard {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A client for each, and whose it is.
async fn open(config: &SdkConfig, all: Vec<As>) -> Vec<(Client, String)> {
    let mut clients = Vec::new();
    for one in all {
        clients.push(match one {
            As::Itself => (Client::new(config), String::new()),
            As::Role(arn) => {
                let role =
                    AssumeRoleProvider::builder(&arn).configure(config).session_name("holdfast-hub").build().await;
                let theirs = config.to_builder().credentials_provider(SharedCredentialsProvider::new(role)).build();
                (Client::new(&theirs), format!(" as {arn}"))
            }
        });
    }
    clients
}

async fn ask(clients: &[(Client, String)]) -> Result<Heard, OrganizationError> {
    let mut heard = Heard::default();
    for (client, whose) in clients {
        let mut pages = client.list_accounts().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| OrganizationError { whose: whose.clone(), why: why(&error) })?;
            page.accounts().iter().for_each(|account| heard.add(account));
        }
    }
    // One that moved between two organizations is suspended in none.
    heard.suspended.retain(|id| !heard.active.contains_key(id));
    Ok(heard)
}

impl Heard {
    fn add(&mut self, account: &Account) {
        let Some(id) = account.id().and_then(|id| id.parse::<AccountId>().ok()) else { return };
        // `Status` is what `State` was before 2026. Whatever word is not known excuses nobody.
        let word = account
            .state()
            .map_or_else(|| account.status().map(|status| status.as_str()).unwrap_or_default(), |state| state.as_str());
        if ["SUSPENDED", "CLOSED", "PENDING_CLOSURE", "PENDING_ACTIVATION"].contains(&word) {
            self.suspended.insert(id);
        } else {
            self.active.insert(id, account.name().map(ToOwned::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_organizations::config::{Credentials, Region};
    use axum::{Router, body::Bytes, http::StatusCode, response::IntoResponse, routing::post};
    use serde_json::{Value, json};

    /// An organization that answers two pages, and then nothing but that it may not be asked.
    async fn organization() -> Client {
        let answered = Arc::new(Mutex::new(0));
        let answer = async move |body: Bytes| {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let mut n = answered.lock().unwrap();
            *n += 1;
            match (*n, asked["NextToken"].as_str()) {
                (1, None) => json!({"NextToken": "more", "Accounts": [
                    {"Id": "111111111111", "Name": "payments", "Status": "ACTIVE", "State": "ACTIVE"},
                    {"Id": "222222222222", "Name": "gone", "Status": "SUSPENDED"},
                    {"Name": "nobody"},
                ]})
                .to_string()
                .into_response(),
                (2, Some("more")) => json!({"Accounts": [
                    {"Id": "333333333333", "Status": "ACTIVE", "State": "CLOSED"},
                    {"Id": "444444444444", "State": "SOMETHING_NEW"},
                ]})
                .to_string()
                .into_response(),
                _ => (StatusCode::BAD_REQUEST, r#"{"__type": "AccessDeniedException", "Message": "not yours"}"#)
                    .into_response(),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(post(answer))).await.unwrap() });
        let config = aws_sdk_organizations::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIAEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(url);
        Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn every_page_is_read_and_what_was_heard_stays_when_nobody_answers() {
        let clients = vec![(organization().await, String::new())];
        let organizations = Organizations::default();
        assert_eq!(organizations.hear(ask(&clients).await), EVERY);
        let id = |n: u8| n.to_string().repeat(12).parse::<AccountId>().unwrap();
        let heard = organizations.heard();
        assert_eq!(heard.active, [(id(1), Some("payments".to_owned())), (id(4), None)].into());
        assert_eq!(heard.suspended, [id(2), id(3)].into());
        assert_eq!(organizations.hear(ask(&clients).await), AGAIN);
        let later = organizations.heard();
        assert_eq!((&later.active, &later.suspended), (&heard.active, &heard.suspended));
        let trouble = later.trouble.unwrap();
        assert!(trouble.contains("organizations:ListAccounts failed: AccessDeniedException: not yours"), "{trouble}");
    }

    #[test]
    fn an_organization_is_the_hubs_own_or_a_roles() {
        assert_eq!("own".parse(), Ok(As::Itself));
        let arn = "arn:aws:iam::111111111111:role/list-accounts";
        assert_eq!(arn.parse(), Ok(As::Role(arn.to_owned())));
        for text in ["", "Own", "arn:aws:iam::1:role/x", "arn:aws:iam::111111111111:user/x", "111111111111"] {
            assert!(text.parse::<As>().is_err(), "{text}");
        }
    }
}
