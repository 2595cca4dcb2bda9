//! Where the git secret is: in the environment, a file, an SSM SecureString, or nowhere, because CodeCommit takes the agent's own
//! AWS credentials. It is read anew for every look at the remote, because tokens are rotated.
//!
//! Not here: what travels of it ([`crate::git::credentials`]).

use crate::{
    clock::by_aws,
    cloud::{count::Calls, trouble::trouble},
    codecommit,
    config::Config,
    error::chain,
    git::credentials::{Credentials, Keyring},
};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use std::path::PathBuf;

/// Where the git secret is; read anew for every look at the remote, because tokens are rotated.
pub struct Secret {
    user: Option<String>,
    place: SecretPlace,
}

enum SecretPlace {
    None,
    Environment,
    File(PathBuf),
    Parameter {
        ssm: Box<aws_sdk_ssm::Client>,
        name: String,
    },
    /// The agent's own AWS credentials.
    CodeCommit {
        place: codecommit::Place,
        keys: Option<SharedCredentialsProvider>,
        calls: Calls,
    },
}

/// The environment variable that may hold the git secret. It is no flag: flags are seen by everyone on a machine.
const SECRET: &str = "HOLDFAST_GIT_SECRET";

impl Secret {
    /// As it is configured; CodeCommit needs none of its own.
    pub(crate) fn new(config: &Config, aws: &SdkConfig, calls: &Calls) -> Self {
        let codecommit = config.repository.as_deref().and_then(codecommit::Place::of);
        let place = match (&config.git_secret_parameter, &config.git_secret_file, codecommit) {
            (Some(name), _, _) => {
                let client = aws_sdk_ssm::config::Builder::from(aws).interceptor(calls.clone()).build();
                SecretPlace::Parameter { ssm: Box::new(aws_sdk_ssm::Client::from_conf(client)), name: name.clone() }
            }
            (None, Some(file), _) => SecretPlace::File(file.clone()),
            (None, None, _) if std::env::var_os(SECRET).is_some() => SecretPlace::Environment,
            (None, None, Some(place)) => {
                SecretPlace::CodeCommit { place, keys: aws.credentials_provider(), calls: calls.clone() }
            }
            (None, None, None) => SecretPlace::None,
        };
        Self { user: config.git_user.clone(), place }
    }
}

impl Keyring for Secret {
    async fn credentials(&self) -> Result<Credentials, String> {
        let secret = match &self.place {
            SecretPlace::None => return Ok(Credentials::None),
            SecretPlace::Environment => std::env::var(SECRET).map_err(|_| format!("{SECRET} is not text"))?,
            SecretPlace::File(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("the git secret in `{}` can't be read: {error}", file.display()))?,
            SecretPlace::CodeCommit { place, keys, calls } => {
                let keys = keys.as_ref().ok_or("there are no AWS credentials to show CodeCommit")?;
                let why = |error| format!("there are no AWS credentials to show CodeCommit: {}", chain(&error));
                let key = keys.provide_credentials().await.map_err(why)?;
                let (id, secret, session) = (key.access_key_id(), key.secret_access_key(), key.session_token());
                let now = by_aws(calls);
                return Ok(place.credentials(codecommit::Key { id, secret, session }, now));
            }
            SecretPlace::Parameter { ssm, name } => {
                let answer = ssm.get_parameter().name(name).with_decryption(true).send().await;
                let answer = answer.map_err(|error| {
                    format!("the git secret `{name}` can't be read: {}", trouble("ssm:GetParameter", &error))
                })?;
                answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default()
            }
        };
        let secret = secret.trim().to_owned();
        Ok(match &self.user {
            Some(user) => Credentials::Basic { user: user.clone(), password: secret },
            None => Credentials::Bearer(secret),
        })
    }
}
