use std::time::Duration;

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::case::{self, Refused, why_not};
use super::case_mail;
use super::sites::Answer;
use crate::abuse::{self, Case, CaseError, EntryKind, Order, Outcome, Slowness, Step, Told};
use crate::audit::{Actor, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, CaseId};
use crate::settings;
use crate::sites::{self, Brake, Site};
use crate::visit::{Posted, Staff};
use crate::web::{Fields, Redirect};

/// The longest that a site is slowed down by one decision.
const MOST_HOURS: u64 = 24 * 90;

/// What can be done about a site in its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Warn,
    Limit,
    PushOff,
    Suspend,
    Lift,
    Close,
}

impl Act {
    pub(super) const ALL: [Self; 6] = [Self::Warn, Self::Limit, Self::PushOff, Self::Suspend, Self::Lift, Self::Close];

    /// The last part of the address that it is sent to.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Limit => "limit",
            Self::PushOff => "push-off",
            Self::Suspend => "suspend",
            Self::Lift => "lift",
            Self::Close => "close",
        }
    }

    pub(super) fn step(self) -> Step {
        match self {
            Self::Warn => Step::Warn,
            Self::Limit => Step::Limit,
            Self::PushOff => Step::PushOff,
            Self::Suspend => Step::Suspend,
            Self::Lift => Step::Lift,
            Self::Close => Step::Close,
        }
    }

    /// What it leaves on the case.
    fn entry(self) -> EntryKind {
        match self {
            Self::Warn => EntryKind::Warned,
            Self::Limit => EntryKind::Limited,
            Self::PushOff => EntryKind::PushOff,
            Self::Suspend => EntryKind::Suspended,
            Self::Lift => EntryKind::Lifted,
            Self::Close => EntryKind::Closed,
        }
    }

    /// What is said once it is done.
    fn done(self) -> &'static str {
        match self {
            Self::Warn => "The site's contact is warned by mail.",
            Self::Limit => "The site is slowed down. Its contact is told by mail.",
            Self::PushOff => "Push is switched off: the site's pushes are refused from now on. Its contact is told by mail.",
            Self::Suspend => "The site is suspended: its pushes are refused from now on. Its contact is told by mail.",
            Self::Lift => "What held the site is lifted. Its contact is told by mail.",
            Self::Close => "The case is closed.",
        }
    }
}

/// An act as it was typed.
#[derive(Clone)]
pub(super) struct Wanted {
    pub act: Act,
    pub case: CaseId,
    pub reason: Reason,
    /// The letter as it was edited; without it the standard one goes out.
    pub told: Option<Told>,
    pub slowness: Option<Slowness>,
    pub outcome: Outcome,
}

fn number(fields: &Fields, name: &'static str, errors: &mut FieldErrors, usual: u64, most: u64) -> Option<u64> {
    if fields.text(name).trim().is_empty() {
        return Some(usual);
    }
    let text = |text: &str| match text.trim().parse::<u64>() {
        Ok(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(format!("Put a whole number from 1 to {most}.")),
    };
    fields.read(name, errors, text)
}

/// For how many hours a site is slowed down unless somebody says otherwise.
pub(super) fn usual_hours(set: &settings::Abuse) -> u64 {
    (set.auto_limit_for.as_secs() / 3_600).clamp(1, MOST_HOURS)
}

/// How slow, and for how long; what is left out is as the settings say.
fn slowness(hub: &Hub, fields: &Fields, now: Timestamp, errors: &mut FieldErrors) -> Option<Slowness> {
    let set = hub.abuse();
    let per_second = number(fields, "push_per_second", errors, set.brake_per_second.get().into(), 10_000);
    let per_day = number(fields, "push_per_day", errors, set.brake_per_day, 100_000_000);
    let hours = number(fields, "hours", errors, usual_hours(&set), MOST_HOURS);
    let usual = Slowness::usual(&set, now);
    Some(Slowness {
        push_per_second: u32::try_from(per_second?).unwrap_or(usual.push_per_second),
        push_per_day: per_day?,
        until: now + Duration::from_secs(hours? * 3_600),
        ..usual
    })
}

fn outcome(fields: &Fields, errors: &mut FieldErrors) -> Option<Outcome> {
    match fields.text("outcome") {
        "" => Some(Outcome::Settled),
        _ => fields.read("outcome", errors, |text| text.parse().map_err(|_| "Choose how it ends.".to_owned())),
    }
}

fn typed(hub: &Hub, act: Act, case: CaseId, fields: &Fields, errors: &mut FieldErrors) -> Option<Wanted> {
    let reason = fields.read("reason", errors, Reason::parse);
    let told = case_mail::typed(fields, errors);
    let slowness = if act == Act::Limit { slowness(hub, fields, hub.clock.now(), errors).map(Some) } else { Some(None) };
    let outcome = outcome(fields, errors);
    Some(Wanted { act, case, reason: reason?, told: told?, slowness: slowness?, outcome: outcome? })
}

/// What was found of an act before it is done.
enum Standing {
    /// It may be done.
    Open,
    /// It was done: nothing is done, and told, twice.
    Done(Timestamp),
    /// It can't be done now.
    Not(&'static str),
}

fn standing(conn: &mut Conn, act: Act, id: CaseId, now: Timestamp) -> Result<Standing, Error> {
    let (case, site) = found(conn, id)?;
    let brake = sites::brake_of(conn, site.id)?;
    if let Some(at) = taken_at(conn, act, &case, brake.as_ref(), now)? {
        return Ok(Standing::Done(at));
    }
    let Some(words) = why_not(act.path(), &case, &site, brake.as_ref(), now) else { return Ok(Standing::Open) };
    let deeds = Act::ALL.map(Act::entry);
    let latest = abuse::entries_of(conn, id, 50)?.into_iter().rfind(|entry| deeds.contains(&entry.kind));
    // Pressed twice: the second finds what the first has left.
    Ok(match latest {
        Some(entry) if entry.kind == act.entry() => Standing::Done(entry.at),
        _ => Standing::Not(words),
    })
}

/// When a step of an open case was taken that can't be taken again as things are.
pub(super) fn taken_at(conn: &mut Conn, act: Act, case: &Case, brake: Option<&Brake>, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    // What has slowed it down is over: that may be done again.
    let is_over = act == Act::Limit && !brake.is_some_and(|brake| brake.holds(now));
    if !case.is_open() || is_over {
        return Ok(None);
    }
    let steps = abuse::steps_of(conn, case.id, case.round)?;
    Ok(steps.into_iter().find(|(step, _)| *step == act.step()).map(|(_, at)| at))
}

pub(super) fn found(conn: &mut Conn, id: CaseId) -> Result<(Case, Site), Error> {
    let case = abuse::find(conn, id)?.ok_or(Error::NotFound)?;
    let site = sites::find(conn, case.site_id)?.ok_or(Error::NotFound)?;
    Ok((case, site))
}

pub(super) fn to(id: CaseId) -> Redirect {
    Redirect::to(format!("/staff/abuse/{id}"))
}

fn was_done(id: CaseId, at: Timestamp) -> Answer {
    Either::Right(to(id).flash("warn", &format!("This was done already on {}: nothing was done or mailed again.", at.readable())))
}

/// Takes an act: shows what is wrong with it, or the letter that it sends, or does it.
async fn take(hub: &Data<Hub>, staff: &Staff, id: CaseId, act: Act, fields: Fields) -> Result<Answer, Error> {
    let now = hub.clock.now();
    let mut errors = FieldErrors::default();
    let wanted = typed(hub, act, id, &fields, &mut errors);
    match hub.db.read(move |conn| standing(conn, act, id, now)).await? {
        Standing::Open => {}
        Standing::Done(at) => return Ok(was_done(id, at)),
        Standing::Not(words) => return refused(hub, staff, id, act, fields, words.to_owned()).await,
    }
    // What was typed into the letter is shown there again.
    let in_mail = fields.given("body").is_some();
    let Some(wanted) = wanted else {
        if in_mail {
            return case_mail::page(hub, staff, id, act, (&fields, &errors), None).await.map(Either::Left);
        }
        let refused = Refused { act: act.path(), fields, errors, words: None };
        return case::page(hub, staff, id, refused, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    if fields.on("preview") {
        let until = wanted.slowness.map(|slowness| slowness.until);
        return case_mail::page(hub, staff, id, act, (&fields, &errors), until).await.map(Either::Left);
    }
    let (again, by) = (hub.clone(), staff.actor());
    let done = hub.db.write(move |tx| apply(tx, &again, now, by, &wanted));
    match done.await {
        Ok(()) => Ok(Either::Right(to(id).flash("ok", act.done()))),
        Err(CaseError::Already(_, at)) => Ok(was_done(id, at)),
        Err(error) => match Error::from(error) {
            Error::Conflict(words) => refused(hub, staff, id, act, fields, words).await,
            other => Err(other),
        },
    }
}

async fn refused(hub: &Hub, staff: &Staff, id: CaseId, act: Act, fields: Fields, words: String) -> Result<Answer, Error> {
    let refused = Refused { act: act.path(), fields, errors: FieldErrors::default(), words: Some(words) };
    case::page(hub, staff, id, refused, StatusCode::CONFLICT).await.map(Either::Left)
}

fn apply(tx: &mut Tx, hub: &Hub, now: Timestamp, by: Actor, wanted: &Wanted) -> Result<(), CaseError> {
    let (clerk, order) = (hub.clerk(), Order { case: wanted.case, reason: &wanted.reason, told: wanted.told.as_ref() });
    match wanted.act {
        Act::Warn => abuse::warn(tx, &clerk, now, by, &order),
        Act::Limit => {
            let slowness = wanted.slowness.unwrap_or_else(|| Slowness::usual(&clerk.settings, now));
            abuse::limit(tx, &clerk, now, by, &order, slowness)
        }
        Act::PushOff => abuse::push_off(tx, &clerk, now, by, &order),
        Act::Suspend => abuse::suspend(tx, &clerk, now, by, &order),
        Act::Lift => abuse::lift(tx, &clerk, now, by, &order),
        Act::Close => abuse::close(tx, &clerk, now, by, &order, wanted.outcome),
    }
}

/// `POST /staff/abuse/{case}/warn`
pub async fn warn(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::Warn, fields).await
}

/// `POST /staff/abuse/{case}/limit`: slows the site down for a while.
pub async fn limit(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::Limit, fields).await
}

/// `POST /staff/abuse/{case}/push-off`
pub async fn push_off(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::PushOff, fields).await
}

/// `POST /staff/abuse/{case}/suspend`
pub async fn suspend(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::Suspend, fields).await
}

/// `POST /staff/abuse/{case}/lift`: whatever holds the site.
pub async fn lift(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::Lift, fields).await
}

/// `POST /staff/abuse/{case}/close`
pub async fn close(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    take(&hub, &staff, case.into_inner(), Act::Close, fields).await
}

/// A form on the page of a case that is no step: shows it again with what is wrong, or why it can't be done.
async fn again(hub: &Hub, staff: &Staff, id: CaseId, refused: Refused<'_>) -> Result<Answer, Error> {
    let status = if refused.words.is_some() { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    case::page(hub, staff, id, refused, status).await.map(Either::Left)
}

/// What came of such a form: `words`, said on the page of the case, or why not.
async fn answered(hub: &Hub, staff: &Staff, id: CaseId, form: (&str, Fields), done: Result<&str, Error>) -> Result<Answer, Error> {
    let (act, fields) = form;
    match done {
        Ok(words) => Ok(Either::Right(to(id).flash("ok", words))),
        Err(Error::Conflict(words)) => {
            again(hub, staff, id, Refused { act, fields, errors: FieldErrors::default(), words: Some(words) }).await
        }
        Err(other) => Err(other),
    }
}

/// A text of the team's that is no reason.
fn words(text: &str, nothing: &str) -> Result<Reason, String> {
    if text.trim().is_empty() { Err(nothing.to_owned()) } else { Reason::parse(text) }
}

/// `POST /staff/abuse/{case}/note`: for the team alone.
pub async fn note(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(mut fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (case.into_inner(), hub.clock.now(), staff.actor());
    take_other_name(&mut fields, "note");
    let mut errors = FieldErrors::default();
    let Some(note) = fields.read("note", &mut errors, |text| words(text, "Write the note.")) else {
        return again(&hub, &staff, id, Refused { act: "note", fields, errors, words: None }).await;
    };
    let kept = hub.db.write(move |tx| abuse::note(tx, now, by, id, &note).map_err(Error::from)).await;
    answered(&hub, &staff, id, ("note", fields), kept.map(|()| "The note is kept.")).await
}

/// Programs of the team's own may know any text on a case as its reason.
fn take_other_name(fields: &mut Fields, name: &str) {
    if let (None, Some(text)) = (fields.given(name), fields.given("reason")) {
        let text = text.to_owned();
        fields.set(name, &text);
    }
}

/// `POST /staff/abuse/{case}/answer`: to what the site's contact has written.
pub async fn answer(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(mut fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (case.into_inner(), hub.clock.now(), staff.actor());
    take_other_name(&mut fields, "message");
    let mut errors = FieldErrors::default();
    let Some(said) = fields.read("message", &mut errors, |text| words(text, "Write the answer.")) else {
        return again(&hub, &staff, id, Refused { act: "answer", fields, errors, words: None }).await;
    };
    let again = hub.clone();
    let sent = hub.db.write(move |tx| {
        tx.alone()?;
        if is_said(tx.conn(), id, EntryKind::Answer, said.as_str())? {
            return Ok(());
        }
        let order = Order { case: id, reason: &said, told: None };
        abuse::answer(tx, &again.clerk(), now, by, &order).map_err(Error::from)
    });
    answered(&hub, &staff, id, ("answer", fields), sent.await.map(|()| "The answer is on its way.")).await
}

/// Whether the latest of what was written to each other says just this: a form that was sent twice.
fn is_said(conn: &mut Conn, id: CaseId, kind: EntryKind, words: &str) -> Result<bool, Error> {
    let said = abuse::entries_of(conn, id, 50)?;
    let latest = said.iter().rfind(|entry| matches!(entry.kind, EntryKind::Appeal | EntryKind::Answer));
    Ok(latest.is_some_and(|entry| entry.kind == kind && entry.words == words))
}

/// `POST /staff/abuse/{case}/assign`: `to` is an account, `me`, or nothing for nobody.
pub async fn assign(hub: Data<Hub>, staff: Staff, case: Path<CaseId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by, me) = (case.into_inner(), hub.clock.now(), staff.actor(), staff.account.id);
    let mut errors = FieldErrors::default();
    let whom = fields.read("to", &mut errors, |text| match text.trim() {
        "" => Ok(None),
        "me" => Ok(Some(me)),
        id => id.parse::<AccountId>().map(Some).map_err(|_| "Choose somebody of the list.".to_owned()),
    });
    let Some(whom) = whom else {
        return again(&hub, &staff, id, Refused { act: "assign", fields, errors, words: None }).await;
    };
    let given = hub.db.write(move |tx| abuse::assign(tx, now, by, id, whom).map_err(Error::from)).await;
    answered(&hub, &staff, id, ("assign", fields), given.map(|()| "It is noted who has this case.")).await
}
