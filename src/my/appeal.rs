use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::sites::owned;
use super::views::SiteHead;
use crate::abuse::{self, Case, CaseEntry, CaseError, EntryKind, Signal};
use crate::audit::{ActorKind, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, SiteId};
use crate::sites::{self, Brake, Site, SiteState};
use crate::visit::{Owner, Posted};
use crate::web::{self, Field, Fields, Page, Redirect, When, filters};

/// How many entries of a case are looked through.
const ENTRIES: i64 = 500;

/// What was decided about the site, or said.
struct Said {
    theirs: bool,
    who: String,
    at: When,
    words: String,
}

/// What the page tells: never the team's notes, nor what others report.
struct Matter {
    /// How things stand now.
    now: Option<String>,
    signals: Vec<(&'static str, &'static str)>,
    thread: Vec<Said>,
    suspended: bool,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "my/appeal.html")]
struct AppealPage {
    page: Page,
    site: SiteHead,
    matter: Option<Matter>,
    message: Field,
    errors: Vec<(String, String)>,
}

/// Whether something that the team has decided holds the site now.
fn is_held(conn: &mut Conn, site: &Site, now: Timestamp) -> Result<bool, Fault> {
    let is_slow = sites::brake_of(conn, site.id)?.is_some_and(|brake| brake.holds(now));
    Ok(site.state == SiteState::Suspended || site.push_stopped || is_slow)
}

/// The case that a site's owner is to know of: the latest one that they were told of, or, if that is over and something holds
/// the site, the open one, on which their words land: once the site is suspended, or they have written there.
fn case_for_owner(conn: &mut Conn, site: &Site, held: bool) -> Result<Option<Case>, Fault> {
    let told = abuse::told_case_of(conn, site.id)?;
    if held && !told.as_ref().is_some_and(Case::is_open) {
        let is_theirs = |case: &Case| site.state == SiteState::Suspended || case.appealed_at.is_some();
        return Ok(abuse::open_of(conn, site.id)?.filter(is_theirs).or(told));
    }
    Ok(told)
}

/// Whether there is something that the owner may want to answer: the site's own page leads there then.
pub fn has_matter(conn: &mut Conn, site: &Site, now: Timestamp) -> Result<bool, Fault> {
    Ok(is_held(conn, site, now)? || case_for_owner(conn, site, false)?.is_some_and(|case| case.is_open()))
}

/// What the owner reads above what they and the team have written.
fn deed(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Warned => "The hub's team has warned you",
        EntryKind::Limited => "The site was slowed down",
        EntryKind::LimitEnded => "The site is no longer slowed down",
        EntryKind::PushOff => "Push was switched off",
        EntryKind::PushOn => "Push was switched on again",
        EntryKind::Suspended => "The site was suspended",
        EntryKind::Lifted => "The hub's team has lifted what held the site",
        EntryKind::Answer => "The hub's team answers",
        _ => "The hub's team",
    }
}

/// An entry as the owner sees it: who of the team it was is the team's own.
fn said(entry: CaseEntry, me: AccountId) -> Said {
    let theirs = entry.kind == EntryKind::Appeal;
    let who = match (theirs, entry.actor_kind, entry.actor_id) {
        (true, _, Some(id)) if id == me => "You".to_owned(),
        (true, ..) => "The site's contact".to_owned(),
        (false, ActorKind::Hub, _) => format!("{} (by the hub itself)", deed(entry.kind)),
        (false, ..) => deed(entry.kind).to_owned(),
    };
    Said { theirs, who, at: entry.at.into(), words: entry.words }
}

/// How things stand, in a sentence or two.
fn standing(site: &Site, brake: Option<&Brake>, now: Timestamp) -> Option<String> {
    let n = |number: u64| filters::with_commas(&number.to_string());
    let why = site.state_reason.as_deref().map(|reason| format!(" The reason: {reason}")).unwrap_or_default();
    if site.state == SiteState::Suspended {
        return Some(format!("This site is suspended: none of its pushes goes through, and none is kept for later.{why}"));
    }
    if site.push_stopped {
        return Some("The hub's team has switched push off for this site: none of its pushes goes through.".to_owned());
    }
    let brake = brake.filter(|brake| brake.holds(now))?;
    Some(format!(
        "This site is slowed down until {}: at most {} pushes a second and {} a day go through. It ends by itself.",
        brake.until.readable(),
        n(brake.push_per_second.into()),
        n(brake.push_per_day)
    ))
}

impl Matter {
    fn of(conn: &mut Conn, site: &Site, me: AccountId, now: Timestamp) -> Result<Option<Self>, Fault> {
        let held = is_held(conn, site, now)?;
        let case = case_for_owner(conn, site, held)?;
        if case.is_none() && !held {
            return Ok(None);
        }
        let (brake, suspended) = (sites::brake_of(conn, site.id)?, site.state == SiteState::Suspended);
        let may_write = held || case.as_ref().is_some_and(Case::is_open);
        let now = standing(site, brake.as_ref(), now);
        let mut matter = Self { now, signals: Vec::new(), thread: Vec::new(), suspended, may_write };
        if let Some(case) = case {
            // That somebody has reported them is the team's to know. What they were never told of stays so where they have only written.
            let is_known = suspended || abuse::is_told(conn, case.id)?;
            let shown = |signal: &Signal| is_known && !matches!(signal, Signal::Staff | Signal::Reported);
            let signals = abuse::signals_of(conn, case.id)?.into_iter().map(|signal| signal.signal).filter(shown);
            matter.signals = signals.map(|signal| (abuse::row(signal).title, abuse::row(signal).meaning)).collect();
            let entries = abuse::entries_of(conn, case.id, ENTRIES)?.into_iter().filter(|entry| entry.kind.is_for_owner());
            matter.thread = entries.map(|entry| said(entry, me)).collect();
        }
        Ok(Some(matter))
    }
}

async fn page(hub: &Hub, owner: &Owner, id: SiteId, typed: (&Fields, &FieldErrors), status: StatusCode) -> Result<HttpResponse, Error> {
    let (account, now) = (owner.account.id, hub.clock.now());
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        let matter = Matter::of(conn, &site, account, now)?;
        Ok::<_, Error>((site, matter))
    });
    let (site, matter) = read.await?;
    let (fields, errors) = typed;
    let page = AppealPage {
        page: owner.visit.page(hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        matter,
        message: fields.field("message", errors),
        errors: errors.listed(),
    };
    web::html(status, &page)
}

/// `GET /my/sites/{site}/appeal`: what the team has decided about the site, and where to answer.
pub async fn show(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    page(&hub, &owner, site.into_inner(), (&Fields::default(), &FieldErrors::default()), StatusCode::OK).await
}

/// What somebody writes to the team: as long as a reason may be.
fn message(text: &str) -> Result<Reason, String> {
    if text.trim().is_empty() { Err("Write what you want to tell the team.".to_owned()) } else { Reason::parse(text) }
}

/// Whether the latest of what was written to each other says just this: a form that was sent twice.
fn is_said(conn: &mut Conn, site: &Site, words: &str, now: Timestamp) -> Result<bool, Fault> {
    let held = is_held(conn, site, now)?;
    let Some(case) = case_for_owner(conn, site, held)? else { return Ok(false) };
    let said = abuse::entries_of(conn, case.id, 50)?;
    let latest = said.iter().rfind(|entry| matches!(entry.kind, EntryKind::Appeal | EntryKind::Answer));
    Ok(latest.is_some_and(|entry| entry.kind == EntryKind::Appeal && entry.words == words))
}

/// Why a message did not get to the team: whatever it is, nothing of it is kept.
enum Unsent {
    /// Nobody has answered to the last few.
    TooMany,
    Other(Error),
}

impl From<CaseError> for Unsent {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::TooMany => Self::TooMany,
            other => Self::Other(other.into()),
        }
    }
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Self {
        Self::Other(fault.into())
    }
}

/// `POST /my/sites/{site}/appeal`: it lands on the case.
pub async fn send(
    hub: Data<Hub>,
    owner: Owner,
    site: Path<SiteId>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, id, now, by) = (owner.account.id, site.into_inner(), hub.clock.now(), owner.actor());
    let mut errors = FieldErrors::default();
    let Some(words) = fields.read("message", &mut errors, message) else {
        return page(&hub, &owner, id, (&fields, &errors), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let again = hub.clone();
    let sent = hub.db.write(move |tx| {
        tx.alone()?;
        let site = owned(tx.conn(), account, id)?;
        if !has_matter(tx.conn(), &site, now)? {
            let words = "There is nothing to answer: nothing of what the hub's team has decided about this site is open.";
            return Err(Unsent::Other(Error::Conflict(words.into())));
        }
        if is_said(tx.conn(), &site, words.as_str(), now)? {
            return Ok(());
        }
        abuse::appeal(tx, &again.clerk(), now, by, id, &words).map(drop).map_err(Unsent::from)
    });
    match sent.await {
        Ok(()) => {
            let words = "Your message is with the hub's team. You get their answer by mail, and read it here.";
            Ok(Either::Right(Redirect::to(format!("/my/sites/{id}/appeal")).flash("ok", words)))
        }
        Err(Unsent::TooMany) => {
            errors.add("message", "The team has your messages and has not answered yet. Please wait for the answer: you get it by mail.");
            page(&hub, &owner, id, (&fields, &errors), StatusCode::TOO_MANY_REQUESTS).await.map(Either::Left)
        }
        Err(Unsent::Other(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_something_and_is_no_book() {
        assert_eq!(message("  we have\r\nmended it ").as_ref().map(Reason::as_str), Ok("we have\nmended it"));
        for bad in [" ", "a\u{1}b", &"x".repeat(2_001)] {
            assert!(message(bad).is_err());
        }
    }
}
