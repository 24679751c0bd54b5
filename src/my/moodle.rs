//! What a site's page shows of its Moodle, and what its owner decides about it.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::web::{Data, Path};

use super::sites::owned;
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys;
use crate::registrations::{self, AiUse, Group, HistoryRow, PluginKind, Row, Verdict};
use crate::sites::{self, Decision, Site, SiteState};
use crate::visit::{Owner, Posted};
use crate::web::{Redirect, When};

/// How long a site waits for its Moodle once its owner has said so.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// How many of the latest reports are listed.
const REPORTS: i64 = 12;

/// A line of the history.
pub struct Told {
    pub at: When,
    pub signed: bool,
    pub users: String,
    pub active: String,
    pub courses: String,
    pub devices: String,
    pub release: String,
}

/// What its Moodle has told of a site.
pub struct Moodle {
    /// It is registered by Moodle's own protocol.
    pub is_registered: bool,
    /// Its server has called at least once.
    pub called: Option<When>,
    pub groups: Vec<(&'static str, Vec<Row>)>,
    pub plugins: Vec<PluginKind>,
    pub ai: Vec<AiUse>,
    /// What this hub does not know.
    pub unknown: Vec<(String, String)>,
    pub history: Vec<Told>,
    /// Where mails on security go, if not to the contact.
    pub alerts_email: Option<String>,
}

impl Moodle {
    /// # Errors
    /// When the database does not answer.
    pub fn of(conn: &mut Conn, site: &Site) -> Result<Self, Fault> {
        let history = registrations::history(conn, site.id, REPORTS)?;
        let plugins = registrations::latest_plugins(conn, site.id)?;
        let registered = registrations::of_site(conn, site.id)?;
        let latest = history.first();
        let groups = latest.map(|row| registrations::shown(&row.figures)).unwrap_or_default();
        Ok(Self {
            is_registered: registered.iter().any(registrations::Registration::has_token),
            alerts_email: registered.iter().find_map(|registration| registration.alerts_email.clone()),
            called: site.called_at.map(When::from),
            groups: groups.into_iter().map(|(group, rows)| (group_words(group), rows)).collect(),
            plugins: plugins.as_ref().and_then(|row| row.plugins.as_deref()).map(registrations::shown_plugins).unwrap_or_default(),
            ai: plugins.as_ref().and_then(|row| row.ai.as_deref()).map(registrations::shown_ai).unwrap_or_default(),
            unknown: latest.and_then(|row| serde_json::from_str(&row.unknown).ok()).map(unknown_fields).unwrap_or_default(),
            history: history.iter().map(told).collect(),
        })
    }
}

fn unknown_fields(fields: BTreeMap<String, String>) -> Vec<(String, String)> {
    fields.into_iter().collect()
}

fn told(row: &HistoryRow) -> Told {
    let figures: serde_json::Value = serde_json::from_str(&row.figures).unwrap_or_default();
    let figure = |name: &str| match &figures[name] {
        serde_json::Value::Number(number) => crate::web::filters::with_commas(&number.to_string()),
        serde_json::Value::String(text) => text.clone(),
        _ => "–".to_owned(),
    };
    Told {
        at: row.at.into(),
        signed: row.signed,
        users: figure("users"),
        active: figure("activeusers"),
        courses: figure("courses"),
        devices: figure("registereduserdevices"),
        release: figure("moodlerelease"),
    }
}

fn group_words(group: Group) -> &'static str {
    match group {
        Group::People => "People",
        Group::Contents => "Courses and contents",
        Group::Technique => "Technique",
        Group::Mobile => "Mobile",
        Group::Analytics => "Analytics",
        Group::About => "About the organisation",
    }
}

/// A newcomer that waits for the owner's decision.
pub struct Newcomer {
    pub id: String,
    pub name: String,
    pub url: String,
    pub since: When,
    /// It has the site's own address, and another secret; if not, the other way about.
    pub same_address: bool,
    /// Its server has called the hub.
    pub has_called: bool,
    /// The owner decides; if not, the hub's team does.
    pub may_decide: bool,
}

impl Newcomer {
    pub fn new(newcomer: &Site, site: &Site) -> Self {
        Self {
            id: newcomer.id.to_string(),
            name: newcomer.name.clone(),
            url: newcomer.url.clone(),
            since: newcomer.held_since.unwrap_or(newcomer.created_at).into(),
            same_address: newcomer.url_key == site.url_key,
            has_called: newcomer.called_at.is_some(),
            may_decide: site.may_decide_about(newcomer),
        }
    }

    /// Those that wait for this site's owner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn of(conn: &mut Conn, site: &Site) -> Result<Vec<Self>, Fault> {
        if site.held_since.is_some() {
            return Ok(Vec::new());
        }
        Ok(sites::newcomers(conn, site)?.iter().map(|newcomer| Self::new(newcomer, site)).collect())
    }
}

/// Until when a site waits for its Moodle, if it does.
pub fn pairing_until(site: &Site, now: Timestamp) -> Option<When> {
    site.pairing_until.filter(|_| site.is_pairing(now)).map(When::from)
}

/// `POST /my/sites/{site}/pair`: for a quarter of an hour, the first Moodle that asks for this site's key is taken for its
/// own. Only a proved site: whoever has just typed an address into the form could wait there for somebody else's Moodle.
pub async fn pair(hub: Data<Hub>, owner: Owner, site: Path<SiteId>, _: Posted) -> Result<Redirect, Error> {
    let (account, id, now) = (owner.account.id, site.into_inner(), hub.clock.now());
    let by = owner.actor();
    let opened = hub.db.write(move |tx| {
        let site = owned(tx.conn(), account, id)?;
        if site.state != SiteState::Active {
            return Err(Error::Conflict("A site is joined with its Moodle once it is proved that it is yours.".into()));
        }
        Ok(sites::set_pairing(tx, now, by, &site, Some(now + WINDOW))?)
    });
    opened.await?;
    let words = "For 15 minutes the hub waits for your Moodle: press Request access key there now.";
    Ok(Redirect::to(format!("/my/sites/{id}/settings")).flash("ok", words))
}

/// The words of a decision, as forms send it.
pub fn decision(word: &str) -> Result<Decision, Error> {
    match word {
        "move" => Ok(Decision::Move),
        "separate" => Ok(Decision::Separate),
        "refuse" => Ok(Decision::Refuse),
        _ => Err(Error::field("decision", "Choose move, separate or refuse.")),
    }
}

/// `POST /my/sites/{site}/newcomers/{newcomer}`: the owner says what a newcomer is.
pub async fn decide(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, SiteId)>, Posted(fields): Posted) -> Result<Redirect, Error> {
    let (account, (id, newcomer), now, desk) = (owner.account.id, path.into_inner(), hub.clock.now(), hub.desk.clone());
    let by = owner.actor();
    let decision = decision(fields.text("decision"))?;
    let decided = hub.db.write(move |tx| {
        let site = owned(tx.conn(), account, id)?;
        let held = sites::find(tx.conn(), newcomer)?.ok_or(Error::NotFound)?;
        if !site.is_beside(&held) {
            return Err(Error::NotFound);
        }
        if !site.may_decide_about(&held) {
            return Err(Error::Conflict("Prove first that this site is yours; or the hub's team decides.".into()));
        }
        let verdict = Verdict { decision, by, why: None };
        registrations::decide(tx, &desk, now, &site, newcomer, verdict)?;
        if decision == Decision::Move {
            keys::revoke_all(tx, now, newcomer)?;
        }
        Ok(owned(tx.conn(), account, id)?.state)
    });
    let state = decided.await?;
    let words = match decision {
        Decision::Move if state == SiteState::Claimed => {
            "Done: it is the same site, with its keys, devices and history. It is on trial until its server calls from the new address, or you verify that."
        }
        Decision::Move => "Done: it is the same site, with its keys, devices and history.",
        Decision::Separate => "Done: it is a site of its own now. Yours stays as it was.",
        Decision::Refuse => "Done: it is turned away. Your site stays as it was.",
    };
    Ok(Redirect::to(format!("/my/sites/{id}")).flash("ok", words))
}
