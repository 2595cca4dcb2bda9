//! Commands that make no turn: what people tell their account, and what they ask about it. Each does it and prints what came
//! of it.

use super::{configured, known, stop};
use crate::{
    adopt,
    bootstrap::{self, Said as Bootstrap},
    config::Flags,
    doctor, drift,
    error::{CommandError, Exit},
    history::{self, EventsOf, HistoryOf},
    people::{Order, say},
    show::{self, Output, Style},
    trust::sign::{self, Signed, With},
    uninstall, update, verify,
};
use manifests::id::Malformed;
use plan::facts::StackEvent;
use std::io::IsTerminal;

/// Tells the account's agent something, as a person.
pub(super) async fn order(flags: Flags, order: Order, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let orders = say(&config, &aws, order).await?;
    match output {
        Output::Text => show::out(&show::orders::in_force(&orders)),
        Output::Json => show::json(&show::orders::json(&orders)),
    }
    Ok(Exit::Done)
}

pub(super) async fn history(flags: Flags, of: &HistoryOf, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let done = history::history(&config, &aws, of).await?;
    match output {
        Output::Text => show::out(&show::history::operations(&done, Style::stdout())),
        Output::Json => show::json(&done),
    }
    Ok(Exit::Done)
}

pub(super) async fn events(flags: Flags, of: &EventsOf, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let seen = history::events(&config, &aws, of).await?;
    match output {
        Output::Text => show::out(&show::history::events(&seen, Style::stdout())),
        Output::Json => show::json(&seen),
    }
    Ok(Exit::Done)
}

pub(super) async fn verify(flags: Flags, commit: Option<&str>, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = configured(flags).await?;
    let verified = verify::verify(&config, &aws, commit).await?;
    match output {
        Output::Text => show::out(&show::verify::text(&verified, Style::stdout())),
        Output::Json => show::json(&verified),
    }
    Ok(verified.exit())
}

/// Needs no account: what is vouched for is still to be committed.
pub(super) fn approve(flags: &Flags, paths: &str, with: &With, output: Output) -> Result<Exit, CommandError> {
    let inside = flags.path.as_deref().filter(|path| !path.is_empty()).map(str::parse).transpose();
    let inside = inside.map_err(|error: Malformed| CommandError::Refused(format!("--path: {error}")))?;
    signed(sign::approve(paths, inside.as_ref(), with), output)
}

pub(super) fn signed(done: Result<Signed, CommandError>, output: Output) -> Result<Exit, CommandError> {
    let signed = done?;
    match output {
        Output::Text => {
            let Signed { document, says, signature } = &signed;
            show::out(&format!("signed {says}: `{document}` is vouched for by `{signature}`; commit both"));
        }
        Output::Json => show::json(&signed),
    }
    Ok(Exit::Done)
}

pub(super) async fn drift(flags: Flags, asked: &drift::Asked, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = configured(flags).await?;
    let all = drift::show(&config, &aws, asked).await?;
    match output {
        Output::Text => show::out(&show::drift::text(&all, Style::stdout())),
        Output::Json => show::json(&show::drift::json(&all)),
    }
    Ok(drift::shown(&all, asked))
}

pub(super) async fn ignore(flags: Flags, meant: &drift::Meant, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = configured(flags).await?;
    let ignored = drift::ignore(&config, &aws, meant).await?;
    match output {
        Output::Text => {
            let told = |one: &drift::Ignored| format!("# {}, below `spec:`\n{}", one.manifest, one.text);
            show::out(&ignored.iter().map(told).collect::<Vec<_>>().join("\n"));
        }
        Output::Json => show::json(&ignored),
    }
    Ok(Exit::Done)
}

/// The patch goes where `git apply` reads it, everything else beside it.
pub(super) async fn accept(flags: Flags, meant: &drift::Meant, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = configured(flags).await?;
    let accepted = drift::accept(&config, &aws, meant, stop()).await?;
    match output {
        Output::Text => {
            show::out(&show::drift::patch(&accepted.patch, Style::stdout()));
            show::err(&show::drift::accepted(&accepted, Style::stderr()));
        }
        Output::Json => show::json(&accepted),
    }
    Ok(accepted.exit())
}

pub(super) async fn doctor(flags: Flags, output: Output) -> Result<Exit, CommandError> {
    let from = flags.config.clone();
    let (config, aws) = configured(flags).await?;
    let mut tell = |check: &doctor::Check| match output {
        Output::Text => show::out(&show::doctor::check(check, Style::stdout())),
        Output::Json => {}
    };
    let checks = tokio::select! {
        checks = doctor::doctor(&config, (&aws, from.as_deref()), &mut tell) => checks?,
        // Dropping the other one takes away what it made for itself.
        () = stop() => return Err(CommandError::Refused("stopped before everything was looked at; nothing was changed".into())),
    };
    match output {
        Output::Text => show::out(&show::doctor::verdict(&checks, Style::stdout())),
        Output::Json => show::json(&checks),
    }
    Ok(doctor::exit(&checks))
}

/// Needs no repository: it writes what is still to be committed.
pub(super) async fn adopt(flags: Flags, said: &adopt::Said, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let adoption = adopt::adopt(&config, &aws, said).await?;
    match output {
        Output::Json => show::json(&show::adopt::json(&adoption)),
        Output::Text if said.stdout => {
            show::out(&show::adopt::files(&adoption));
            show::err(&show::adopt::text(&adoption, Style::stderr()));
        }
        Output::Text => show::out(&show::adopt::text(&adoption, Style::stdout())),
    }
    Ok(adoption.exit())
}

/// Needs no agent, no memory and no lease: it comes before all of them.
pub(super) async fn bootstrap(flags: Flags, said: &Bootstrap, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let bundle = bootstrap::bundle(&config, &aws, said)?;
    if !said.deploy && !said.check {
        match output {
            Output::Text => {
                show::out(bootstrap::TEMPLATE.trim_end());
                show::err(&show::bootstrap::how(&bundle, Style::stderr()));
            }
            Output::Json => show::json(&show::bootstrap::bundle(&bundle)),
        }
        return Ok(Exit::Done);
    }
    let tell_check = |check: &doctor::Check| match output {
        Output::Text => show::out(&show::doctor::check(check, Style::stdout())),
        Output::Json => {}
    };
    let checks = doctor::before::before(&config, &aws, &bundle, &mut { tell_check }).await?;
    let exit = doctor::exit(&checks);
    if said.check || exit != Exit::Done {
        match output {
            Output::Text => show::out(&show::doctor::verdict(&checks, Style::stdout())),
            Output::Json => show::json(&checks),
        }
        return Ok(exit);
    }
    let mut tell = |event: &StackEvent| match output {
        Output::Text => show::out(&show::bootstrap::event(event, Style::stdout())),
        Output::Json => {}
    };
    let deployed = bootstrap::deploy((&config, &aws), (&bundle, said.destroy), &mut tell, stop()).await?;
    match output {
        Output::Text => show::out(&show::bootstrap::deployed(&bundle, &deployed, Style::stdout())),
        Output::Json => show::json(&show::bootstrap::json(&bundle, &deployed)),
    }
    Ok(deployed.exit())
}

/// Needs no repository: what was managed stays as it is. Where it is deleted, a repository says what is built on what.
pub(super) async fn uninstall(flags: Flags, said: &uninstall::Said, output: Output) -> Result<Exit, CommandError> {
    let (config, aws) = known(flags, |_| Ok(())).await?;
    let mut tell = |event: &StackEvent| match output {
        Output::Text => show::out(&show::bootstrap::event(event, Style::stdout())),
        Output::Json => {}
    };
    let mut leaving = uninstall::look(&config, &aws, said).await?;
    let mut go = said.yes;
    if said.delete && !go {
        if let (Output::Text, true) = (output, std::io::stdin().is_terminal()) {
            show::out(&show::bootstrap::leaving(&leaving, Style::stdout()));
            show::err(&format!("Type the account's number ({}) to delete all of that:", leaving.account));
            let mut typed = String::new();
            // What can't be read is no number.
            go = std::io::stdin().read_line(&mut typed).is_ok() && typed.trim() == leaving.account.as_str();
        }
    } else if go && said.delete && output == Output::Text {
        show::out(&show::bootstrap::going(&leaving, Style::stdout()));
    }
    if go {
        uninstall::leave(&aws, &mut leaving, &mut tell, stop()).await?;
    }
    match output {
        Output::Text => show::out(&show::bootstrap::leaving(&leaving, Style::stdout())),
        Output::Json => show::json(&show::bootstrap::left(&leaving)),
    }
    Ok(leaving.exit())
}

/// Needs no repository: what is asked for is what the agent read. Whoever only says that the agent starts needs no account
/// either, and gets by without a network.
pub(super) async fn update(flags: Flags, said: &update::Said, output: Output) -> Result<Exit, CommandError> {
    let updated = if said.starting {
        update::starting(said)?
    } else {
        let (config, aws) = known(flags, |_| Ok(())).await?;
        update::update(&config, &aws, said).await?
    };
    match output {
        Output::Text => show::out(&show::update::text(&updated)),
        Output::Json => show::json(&updated),
    }
    Ok(Exit::Done)
}
