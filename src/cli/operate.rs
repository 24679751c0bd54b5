//! What operators do to accounts, sites and keys: the same acts as the pages, by another actor.

use std::time::Duration;

use std::process::ExitCode;

use anyhow::Context;

use super::{link, say};
use crate::accounts::{self, Role};
use crate::app;
use crate::audit::{self, Actor, Reason};
use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use crate::ids::{KeyId, SiteId};
use crate::keys::{self, KeyKind, Overlap, Rotation};
use crate::mail::{Desk, EmailAddress};
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::sites::{self, Country, Description, Language, NewSite, Privacy, ProofKind, SiteName, SiteUrl, Users};

fn worded<T>(what: &'static str) -> impl FnOnce(String) -> anyhow::Result<T> {
    move |words| Err(anyhow::anyhow!("{what}: {words}"))
}

/// `belfry staff add`
pub async fn add_staff(settings: &Settings, email: &str, role: Role) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let ring = app::keyring(settings, &db).await?;
    let (email, now) = (EmailAddress::parse(email).or_else(worded("email"))?, Clock::system().now());
    let invited = db.write(move |tx| accounts::invite_staff(tx, &ring, now, Actor::Operator, &email, role)).await;
    let (account, token) = invited.map_err(Error::from)?;
    say(format!("{} is {role} now. Set a password within {} hours:", account.email, accounts::LINK_HOURS));
    say(link(settings, "/password/reset?welcome=1&token=", &token));
    Ok(ExitCode::SUCCESS)
}

/// What the command line says of a site.
pub struct SiteWords {
    pub url: String,
    pub name: String,
    pub email: String,
    pub users: String,
    pub country: String,
    pub active: bool,
}

/// `belfry site add`
pub async fn add_site(settings: &Settings, words: &SiteWords) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    app::keyring(settings, &db).await?;
    let email = EmailAddress::parse(&words.email).or_else(worded("--email"))?;
    let site = NewSite {
        name: SiteName::parse(&words.name).or_else(worded("--name"))?,
        url: SiteUrl::parse(&words.url).or_else(worded("--url"))?,
        description: Description::parse("").or_else(worded("description"))?,
        country: Country::parse(&words.country).or_else(worded("--country"))?,
        language: Language::parse("en").or_else(worded("language"))?,
        users: Users::parse(&words.users).or_else(worded("--users"))?,
        privacy: Privacy::NotDisplayed,
        push_wanted: true,
        email_alerts: true,
    };
    let max_users = app::live_settings(settings, &db).await?.now().limits.max_site_users;
    let (active, now, desk) = (words.active, Clock::system().now(), Desk::new(&settings.hub.name, settings.server.public_url.as_str()));
    let added = db.write(move |tx| {
        let account = accounts::account_for(tx, now, &email)?;
        let id = sites::add(tx, now, Actor::Operator, account, &site)?;
        sites::apply_user_limit(tx, &desk, now, id, max_users, Duration::ZERO)?;
        if active {
            let reason = Reason::parse("added by the operator").map_err(|words| Error::field("reason", words))?;
            sites::prove(tx, &desk, now, Actor::Operator, id, ProofKind::Staff, Some(&reason))?;
        }
        Ok::<_, Error>(id)
    });
    say(added.await?);
    Ok(ExitCode::SUCCESS)
}

/// `belfry key issue`
pub async fn issue_key(settings: &Settings, site: &str, kind: &str) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let ring = app::keyring(settings, &db).await?;
    let site = site.parse().context("the site's id")?;
    let kind: KeyKind = kind.parse().map_err(anyhow::Error::msg)?;
    let now = Clock::system().now();
    let issued = db.write(move |tx| keys::issue(tx, &ring, now, Actor::Operator, site, kind).map_err(Error::from)).await;
    say(issued?.1.expose_secret());
    Ok(ExitCode::SUCCESS)
}

/// The key that somebody means: by itself or by its id, maybe behind its site's.
fn located(db: &Db, ring: &Keyring, words: &[String]) -> anyhow::Result<(SiteId, KeyId)> {
    let (site, key) = match words {
        [site, key] => (Some(site.parse::<SiteId>().context("the site's id")?), key),
        [key] => (None, key),
        _ => anyhow::bail!("name one key"),
    };
    let found = db.read_here(|conn| keys::locate(conn, ring, key))?.filter(|found| site.is_none_or(|site| site == found.site_id));
    let found = found.context("there is no such key: give its id, as `belfry key list` has it, or the key itself")?;
    Ok((found.site_id, found.id))
}

/// `belfry key rotate`
pub async fn rotate_key(settings: &Settings, words: &[String], overlap: Option<&str>) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let ring = app::keyring(settings, &db).await?;
    let (site, key) = located(&db, &ring, words)?;
    let overlap = match overlap {
        None => settings.keys.rotation_overlap,
        Some(text) => Overlap::parse(text).or_else(worded("--overlap"))?.0,
    };
    let now = Clock::system().now();
    let rotated =
        db.write(move |tx| keys::rotate(tx, &ring, now, Actor::Operator, site, &Rotation { key, overlap, note: "" }).map_err(Error::from));
    let rotated = rotated.await?;
    say(rotated.key.expose_secret());
    Ok(ExitCode::SUCCESS)
}

/// `belfry key list`
pub fn list_keys(settings: &Settings, site: &str) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let site = site.parse().context("the site's id")?;
    let now = Clock::system().now();
    for key in db.read_here(|conn| keys::page(conn, site, None, 1_000))? {
        let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.rfc3339());
        let ends = key.expires_at.map_or_else(String::new, |at| format!(" until {}", at.rfc3339()));
        let from = key.last_network.as_ref().map_or_else(String::new, |network| format!(" from {network}"));
        let (state, times) = (key.state(now).as_str(), key.use_count);
        say(format!("{}  {}…  {}  {state}{ends}  used {times} times, last {used}{from}", key.id, key.prefix, key.kind));
    }
    Ok(ExitCode::SUCCESS)
}

/// `belfry key revoke`
pub async fn revoke_key(settings: &Settings, words: &[String]) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let ring = app::keyring(settings, &db).await?;
    let (site, key) = located(&db, &ring, words)?;
    let now = Clock::system().now();
    db.write(move |tx| keys::revoke(tx, now, Actor::Operator, site, key, "").map_err(Error::from)).await?;
    say("The key is revoked.");
    Ok(ExitCode::SUCCESS)
}

/// `belfry audit verify`
pub async fn verify_audit(settings: &Settings) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, false)?;
    let ring = app::keyring(settings, &db).await?;
    match db.read(move |conn| audit::verify(conn, &ring)).await {
        Ok(audit::Verified { entries, erased, former, marked_since, last }) => {
            say(format!("{entries} entries, each following from the one before. The last one's hash is {last}"));
            if erased > 0 {
                say(format!("Of {erased} of them the content was erased for somebody's privacy, as the log tells."));
            }
            if former > 0 {
                let since = marked_since.map_or_else(|| "nothing yet".to_owned(), |at| at.rfc3339());
                say(format!("The first {former} are from before the log's end was marked; what was written after them begins: {since}."));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            say(fault);
            Ok(ExitCode::FAILURE)
        }
    }
}
