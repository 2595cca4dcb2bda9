//! STS's query protocol.

use super::{
    caller::{Caller, session_key, session_token},
    params::Params,
    xml::Xml,
};
use crate::{
    fault::Refusal,
    services::{Place, sts, unknown},
};

/// The namespace of every answer.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Does one action and writes what stands inside its `<…Result>`. `number` tells one session's key from another's.
pub(crate) fn call(
    caller: &Caller,
    at: &Place<'_>,
    (action, params): (&str, &Params),
    number: u64,
    x: &mut Xml,
) -> Result<(), Refusal> {
    match action {
        "GetCallerIdentity" => {
            x.text("Arn", caller.arn());
            x.text("UserId", caller.user_id());
            x.text("Account", &caller.account);
        }
        "AssumeRole" => {
            let (role, session) = (params.required("RoleArn")?, params.required("RoleSessionName")?);
            let assumed = sts::assume(at, &role, &session, params.parsed("DurationSeconds")?)?;
            let (account, role, session) = (&assumed.account, &assumed.role, &assumed.session);
            x.element("AssumedRoleUser", |x| {
                x.text("AssumedRoleId", format!("AROASIMULATED{account}:{session}"));
                x.text("Arn", format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"));
            });
            x.element("Credentials", |x| {
                x.text("AccessKeyId", session_key(account, number));
                x.text("SecretAccessKey", "any-secret-key-will-do-here-not-verified");
                x.text("SessionToken", session_token(role, session));
                x.time("Expiration", assumed.expires);
            });
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}
