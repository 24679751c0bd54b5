//! What happens to a case between its steps: it is opened and joined, read, noted on, given to somebody; its site's owner
//! appeals and is answered. Each act runs in its caller's transaction.

use std::time::Duration;

use super::model::{Case, CaseError, CaseSignal, CaseState, EntryKind, Finding, Outcome, Raised};
use super::store::{self, NewEntry};
use super::{Order, Signal, letters, signals, steps};
use crate::accounts;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{AccountId, CaseId, SiteId};
use crate::mail::Desk;
use crate::settings;
use crate::sites::{self, Site, SiteState};

/// Signals within so long of each other are one time.
const STEP: Duration = Duration::from_secs(600);
/// How many messages an owner may write before somebody answers.
const UNANSWERED: i64 = 5;

/// What acts on cases need of the hub.
#[derive(Clone)]
pub struct Clerk<'a> {
    pub desk: &'a Desk,
    /// The team's own mailbox, if it has one: told of new cases and appeals.
    pub contact: Option<&'a str>,
    pub settings: settings::Abuse,
}

/// The hub, or somebody, has found something: it opens a case about the site, or joins the open one. What is found by the
/// hub itself may also be quiet: after a false alarm, since it is what a closed case was about, or while the site can't push.
/// `words`: why, where a person says so.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such site; [`CaseError::NotNow`] when a person names one that nobody has confirmed.
pub fn raise(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    by: Actor,
    site: SiteId,
    finding: &Finding,
    words: Option<&str>,
) -> Result<Raised, CaseError> {
    tx.alone()?;
    let about = sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?;
    // What nobody confirms is forgotten after a while, and can do nothing until then.
    if about.state == SiteState::Registered {
        let words =
            "The e-mail address of this site's contact is not confirmed yet. It can't push, and is forgotten by itself if that stays so.";
        return if by == Actor::Hub { Ok(Raised::Quiet) } else { Err(CaseError::NotNow(words)) };
    }
    let words = words.map_or_else(|| summary(finding), str::to_owned);
    let raised = match store::open_of(tx.conn(), site)? {
        Some(case) => join(tx, now, by, &case, finding, &words)?,
        None if by == Actor::Hub && is_out_of_reach(&about, finding.signal) => return Ok(Raised::Quiet),
        None if by == Actor::Hub && is_quiet(tx.conn(), clerk, now, site, finding.signal)? => return Ok(Raised::Quiet),
        None => open(tx, clerk, now, by, &about, finding, &words)?,
    };
    if let (Some(case), Actor::Hub) = (raised.case(), by)
        && clerk.settings.auto_limit.contains(&finding.signal)
    {
        steps::limit_by_itself(tx, clerk, now, case, finding.signal)?;
    }
    Ok(raised)
}

fn open(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: &Site, finding: &Finding, words: &str) -> Result<Raised, CaseError> {
    let case = Case {
        id: CaseId::new(now),
        number: store::last_number(tx.conn())? + 1,
        site_id: site.id,
        state: CaseState::Open,
        outcome: None,
        opened_by: finding.signal,
        assigned_to: None,
        round: 1,
        opened_at: now,
        changed_at: now,
        signal_at: Some(now),
        // Who opens it has seen it.
        seen_at: (by != Actor::Hub).then_some(now),
        appealed_at: None,
        answered_at: None,
        closed_at: None,
        revision: 0,
    };
    store::insert(tx.conn(), &case)?;
    store::add_signal(tx.conn(), case.id, now, finding)?;
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Opened, by, words, letter: None })?;
    audit::note(tx, now, by, Event::CaseOpened, site.id, Some(&format!("case {}: {words}", case.number)))?;
    if by == Actor::Hub {
        letters::tell_team_of_case(tx, clerk, now, site, &case, finding)?;
    }
    Ok(Raised::Opened(case.id))
}

fn join(tx: &mut Tx, now: Timestamp, by: Actor, case: &Case, finding: &Finding, words: &str) -> Result<Raised, CaseError> {
    let known = store::signals_of(tx.conn(), case.id)?.into_iter().find(|known| known.signal == finding.signal);
    let is_person = by != Actor::Hub;
    let is_new = known.is_none();
    match known {
        None => store::add_signal(tx.conn(), case.id, now, finding)?,
        Some(before) => {
            let times = before.times + i64::from(now.since(before.last_at) >= STEP);
            let again = CaseSignal {
                // Moved on with the times only: what is seen each minute is seen once in ten.
                last_at: if times > before.times { now } else { before.last_at },
                times,
                amount: finding.amount,
                peak: before.peak.max(finding.amount),
                threshold: finding.threshold,
                evidence: finding.evidence.clone(),
                ..before.clone()
            };
            if again == before {
                return Ok(Raised::Joined(case.id));
            }
            store::repeat_signal(tx.conn(), case.id, &before, &again)?;
        }
    }
    let is_report = finding.signal == Signal::Reported;
    if is_new || is_person || is_report {
        let kind = if is_report { EntryKind::Report } else { EntryKind::Signal };
        store::add_entry(tx.conn(), case.id, now, &NewEntry { kind, by, words, letter: None })?;
    }
    // What is of a new kind somebody should look at again.
    let seen_at = if (is_new || is_report) && !is_person { None } else { case.seen_at };
    store::save(tx.conn(), &Case { signal_at: Some(now), seen_at, ..case.clone() }, now)?;
    Ok(Raised::Joined(case.id))
}

/// `Sends faster than its limit: 4120 refusals an hour, 3000 are allowed`
fn summary(finding: &Finding) -> String {
    let row = signals::row(finding.signal);
    match finding.signal {
        Signal::Staff => row.title.to_owned(),
        _ => format!("{}: {} {}. The threshold is {}.", row.title, finding.amount, row.unit, finding.threshold),
    }
}

/// Whether what the hub has counted of a site says nothing that is not known: it can't push any more, whatever it sends.
fn is_out_of_reach(site: &Site, signal: Signal) -> bool {
    matches!(site.state, SiteState::Suspended | SiteState::Unregistered) && !matches!(signal, Signal::Reported | Signal::Staff)
}

/// Whether something found about a site is what a closed case was about.
fn is_quiet(conn: &mut Conn, clerk: &Clerk, now: Timestamp, site: SiteId, signal: Signal) -> Result<bool, CaseError> {
    let window = signals::row(signal).window();
    // What is refused because of a brake says nothing new, and is counted for a while after it is gone.
    if signal == Signal::RateLimited && sites::brake_of(conn, site)?.is_some_and(|brake| now < brake.until + window) {
        return Ok(true);
    }
    let alarm = clerk.settings.quiet_after_false_alarm;
    let closed = store::closed_since(conn, site, now - alarm.max(window))?;
    Ok(closed.iter().any(|(case, signals)| {
        let (since, had_it) = (case.closed_at.map_or(alarm, |at| now.since(at)), signals.contains(&signal));
        // What was counted before the closing opens nothing, whatever kind it is of.
        let settled = since < window && (had_it || window <= Duration::from_secs(2 * 3_600));
        settled || (had_it && case.outcome == Some(Outcome::FalseAlarm) && since < alarm)
    }))
}

/// Somebody of the team opens a case about a site by hand, or puts what they have seen on the open one.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such site.
pub fn open_by_hand(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: SiteId, reason: &Reason) -> Result<CaseId, CaseError> {
    raise(tx, clerk, now, by, site, &Finding::by_staff(), Some(reason.as_str()))?.case().ok_or(CaseError::Unknown)
}

/// Notes that somebody of the team has looked at a case.
///
/// # Errors
/// When it can't be written.
pub fn see(tx: &mut Tx, now: Timestamp, case: CaseId) -> Result<(), CaseError> {
    tx.alone()?;
    let Some(case) = store::find(tx.conn(), case)?.filter(|case| case.seen_at.is_none()) else { return Ok(()) };
    let changed_at = case.changed_at;
    Ok(store::save(tx.conn(), &Case { seen_at: Some(now), ..case }, changed_at)?)
}

/// Keeps what somebody of the team thinks of a case. Its owner never sees it.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such case.
pub fn note(tx: &mut Tx, now: Timestamp, by: Actor, case: CaseId, words: &Reason) -> Result<(), CaseError> {
    tx.alone()?;
    let case = store::find(tx.conn(), case)?.ok_or(CaseError::Unknown)?;
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Note, by, words: words.as_str(), letter: None })?;
    store::save(tx.conn(), &case, now)?;
    let words = format!("case {}: {}", case.number, words.as_str());
    Ok(audit::note(tx, now, by, Event::CaseNoted, case.site_id, Some(&words))?)
}

/// Gives a case to somebody of the team, or to nobody.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::NotNow`] for somebody who is not of the team.
pub fn assign(tx: &mut Tx, now: Timestamp, by: Actor, case: CaseId, to: Option<AccountId>) -> Result<(), CaseError> {
    tx.alone()?;
    let case = open_case(tx, case)?;
    let name = match to.map(|to| accounts::find(tx.conn(), to)).transpose()?.flatten() {
        Some(account) if account.role.is_some() => account.name,
        None if to.is_none() => "nobody".to_owned(),
        _ => return Err(CaseError::NotNow("A case can only be given to somebody of the hub's team.")),
    };
    if case.assigned_to == to {
        return Ok(());
    }
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Assigned, by, words: &name, letter: None })?;
    store::save(tx.conn(), &Case { assigned_to: to, ..case.clone() }, now)?;
    let text = |id: Option<AccountId>| id.map(|id| id.to_string());
    let change = audit::Change::of("assigned_to", text(case.assigned_to), text(to));
    let number = format!("case {}", case.number);
    Ok(audit::note_change(tx, now, by, Event::CaseAssigned, case.site_id, Some(&number), change)?)
}

/// The case about a site that its owner knows of, because the team has told of a step; the latest one.
///
/// # Errors
/// When the database does not answer.
pub fn told_case_of(conn: &mut Conn, site: SiteId) -> Result<Option<Case>, Fault> {
    for case in store::of_site(conn, site, 20)? {
        if store::is_told(conn, case.id)? {
            return Ok(Some(case));
        }
    }
    Ok(None)
}

/// The owner of a site answers to what was done to it. If its case is closed while something still holds the site, it is
/// opened again.
///
/// # Errors
/// [`CaseError::Unknown`] when the owner was told of no case and nothing holds the site; [`CaseError::Closed`] when it is over and nothing holds the
/// site; [`CaseError::TooMany`] when nobody has answered to the last few.
pub fn appeal(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: SiteId, words: &Reason) -> Result<CaseId, CaseError> {
    tx.alone()?;
    let known = sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?;
    let mut case = match told_case_of(tx.conn(), site)? {
        Some(told) => told,
        // Suspended by the command line, or before there were cases.
        None if known.state == SiteState::Suspended || known.push_stopped => match store::open_of(tx.conn(), site)? {
            Some(open) => open,
            None => {
                let id = open_by_hand(tx, clerk, now, by, site, words)?;
                // Its owner has opened it: nobody of the team has seen it.
                Case { seen_at: None, ..store::find(tx.conn(), id)?.ok_or(CaseError::Unknown)? }
            }
        },
        None => return Err(CaseError::Unknown),
    };
    if !case.is_open() {
        let braked = sites::brake_of(tx.conn(), site)?.is_some_and(|brake| brake.holds(now));
        if known.state != SiteState::Suspended && !known.push_stopped && !braked {
            return Err(CaseError::Closed);
        }
        // Another one may be open of which its owner does not know: what they say belongs there.
        if let Some(open) = store::open_of(tx.conn(), site)? {
            case = open;
        }
    }
    if store::count_entries(tx.conn(), case.id, EntryKind::Appeal, case.answered_at)? >= UNANSWERED {
        return Err(CaseError::TooMany);
    }
    if !case.is_open() {
        case = reopened(tx, now, by, &case)?;
    }
    let waited = case.waits_for_answer();
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Appeal, by, words: words.as_str(), letter: None })?;
    store::save(tx.conn(), &Case { appealed_at: Some(now), ..case.clone() }, now)?;
    audit::note(tx, now, by, Event::CaseAppealed, site, Some(&format!("case {}: {}", case.number, words.as_str())))?;
    // What comes while the team has the first to answer is found with it.
    if !waited {
        letters::tell_team_of_appeal(tx, clerk, now, &known, &case, words.as_str())?;
    }
    Ok(case.id)
}

fn reopened(tx: &mut Tx, now: Timestamp, by: Actor, case: &Case) -> Result<Case, CaseError> {
    let open = Case { state: CaseState::Open, outcome: None, closed_at: None, seen_at: None, ..case.clone() };
    store::save(tx.conn(), &open, now)?;
    let words = "Opened again: the owner has appealed.";
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Opened, by, words, letter: None })?;
    audit::note(tx, now, by, Event::CaseOpened, case.site_id, Some(&format!("case {}: {words}", case.number)))?;
    store::find(tx.conn(), case.id)?.ok_or(CaseError::Unknown)
}

/// The team answers to an appeal, by a letter that is also on the case.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::NotNow`] when nobody has appealed.
pub fn answer(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order) -> Result<(), CaseError> {
    tx.alone()?;
    let case = open_case(tx, order.case)?;
    if case.appealed_at.is_none() {
        return Err(CaseError::NotNow("The owner has not appealed, so there is nothing to answer to."));
    }
    let site = sites::find(tx.conn(), case.site_id)?.ok_or(CaseError::Unknown)?;
    let letter = letters::tell_answer(tx, clerk, now, &site, &case, order)?;
    store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: EntryKind::Answer, by, words: order.reason.as_str(), letter })?;
    store::save(tx.conn(), &Case { answered_at: Some(now), ..case.clone() }, now)?;
    let words = format!("case {}: {}", case.number, order.reason.as_str());
    Ok(audit::note(tx, now, by, Event::CaseAnswered, case.site_id, Some(&words))?)
}

pub(super) fn open_case(tx: &mut Tx, id: CaseId) -> Result<Case, CaseError> {
    let case = store::find(tx.conn(), id)?.ok_or(CaseError::Unknown)?;
    if case.is_open() { Ok(case) } else { Err(CaseError::Closed) }
}
