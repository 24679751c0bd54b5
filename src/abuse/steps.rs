//! What is done about a site in a case. Each step is one transaction: the act, its letter, the note that it was taken, the
//! entry on the case and the one in the audit log. A step is taken once a round, whoever tries, on whichever node.

use super::letters::{self, Telling};
use super::life::{Clerk, open_case};
use super::model::{Case, CaseError, CaseState, EntryKind, Outcome};
use super::store::{self, NewEntry};
use super::{Signal, Step, Told, reports, signals};
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::ids::{CaseId, LetterId, SiteId};
use crate::settings;
use crate::sites::{self, Brake, Site, SiteState};

/// What somebody of the team decides about a case.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    pub case: CaseId,
    /// Kept with the decision; the site's contact reads it in the draft.
    pub reason: &'a Reason,
    /// The mail as it was edited; `None`: the draft as it is.
    pub told: Option<&'a Told>,
}

/// How a letter or an error says that a step was taken: `was warned`.
pub(super) fn done(step: Step) -> &'static str {
    match step {
        Step::Warn => "was warned",
        Step::Limit => "was told of the limit",
        Step::PushOff => "was told that push is off",
        Step::Suspend => "was told of the suspension",
        Step::Lift => "was told that nothing holds the site any more",
        Step::Close => "was told that the case is closed",
    }
}

/// A step that is being taken.
struct Taking {
    step: Step,
    kind: EntryKind,
    /// When what is done ends by itself.
    until: Option<Timestamp>,
}

impl Taking {
    const fn of(step: Step, kind: EntryKind) -> Self {
        Self { step, kind, until: None }
    }
}

/// The open case and its site, if the step was not taken in this round.
fn begin(tx: &mut Tx, case: CaseId, step: Step) -> Result<(Case, Site), CaseError> {
    tx.alone()?;
    let case = open_case(tx, case)?;
    if let Some(at) = taken_at(tx, &case, step)? {
        return Err(CaseError::Already(step, at));
    }
    let site = sites::find(tx.conn(), case.site_id)?.ok_or(CaseError::Unknown)?;
    Ok((case, site))
}

fn taken_at(tx: &mut Tx, case: &Case, step: Step) -> Result<Option<Timestamp>, CaseError> {
    let steps = store::steps_of(tx.conn(), case.id, case.round)?;
    Ok(steps.into_iter().find(|(known, _)| *known == step).map(|(_, at)| at))
}

/// Mails a step and keeps that it was taken.
fn finish(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    by: Actor,
    (case, site): (&Case, &Site),
    taking: &Taking,
    (reason, told): (&str, Option<&Told>),
) -> Result<(), CaseError> {
    let telling = Telling { step: taking.step, reason, told, until: taking.until, by };
    let letter = letters::tell_step(tx, clerk, now, site, case, &telling)?;
    keep(tx, now, by, case, taking, (reason, letter))
}

fn keep(
    tx: &mut Tx,
    now: Timestamp,
    by: Actor,
    case: &Case,
    taking: &Taking,
    (words, letter): (&str, Option<LetterId>),
) -> Result<(), CaseError> {
    store::add_step(tx.conn(), case, taking.step, now)?;
    Ok(store::add_entry(tx.conn(), case.id, now, &NewEntry { kind: taking.kind, by, words, letter })?)
}

/// Writes a mail to the site's contact, and does nothing else.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::Already`].
pub fn warn(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order) -> Result<(), CaseError> {
    let (case, site) = begin(tx, order.case, Step::Warn)?;
    let words = format!("case {}: {}", case.number, order.reason.as_str());
    audit::note(tx, now, by, Event::CaseWarned, site.id, Some(&words))?;
    let taking = Taking::of(Step::Warn, EntryKind::Warned);
    finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    Ok(store::save(tx.conn(), &case, now)?)
}

/// How slow a site is made, as somebody of the team says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowness {
    pub push_per_second: u32,
    pub push_per_day: u64,
    pub enrol_per_second: u32,
    pub until: Timestamp,
}

impl Slowness {
    /// As the settings have it, and for as long.
    pub fn usual(set: &settings::Abuse, now: Timestamp) -> Self {
        let per_second = set.brake_per_second.get();
        let until = now + set.auto_limit_for;
        Self { push_per_second: per_second, push_per_day: set.brake_per_day, enrol_per_second: per_second, until }
    }

    fn brake(self, case: CaseId, automatic: bool) -> Brake {
        let Self { push_per_second, push_per_day, enrol_per_second, until } = self;
        Brake { push_per_second, push_per_day, enrol_per_second, until, case: Some(case), automatic }
    }
}

/// Slows a site down for a while. Once that is over by itself, it can be done again: another round begins.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::Already`] while the site is slowed down; [`CaseError::NotNow`] for an end in the past.
pub fn limit(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order, slowness: Slowness) -> Result<(), CaseError> {
    if slowness.until <= now {
        return Err(CaseError::NotNow("The time for which the site is slowed down would be over already. Choose a later one."));
    }
    let (case, site) = match begin(tx, order.case, Step::Limit) {
        Err(CaseError::Already(step, at)) => {
            let mut case = open_case(tx, order.case)?;
            if sites::brake_of(tx.conn(), case.site_id)?.is_some_and(|brake| brake.holds(now)) {
                return Err(CaseError::Already(step, at));
            }
            case = next_round(tx, now, &case)?;
            let site = sites::find(tx.conn(), case.site_id)?.ok_or(CaseError::Unknown)?;
            (case, site)
        }
        begun => begun?,
    };
    sites::brake(tx, now, by, site.id, &slowness.brake(case.id, false), Some(order.reason))?;
    let taking = Taking { until: Some(slowness.until), ..Taking::of(Step::Limit, EntryKind::Limited) };
    finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    Ok(store::save(tx.conn(), &case, now)?)
}

fn next_round(tx: &mut Tx, now: Timestamp, case: &Case) -> Result<Case, CaseError> {
    store::save(tx.conn(), &Case { round: case.round + 1, ..case.clone() }, now)?;
    store::find(tx.conn(), case.id)?.ok_or(CaseError::Unknown)
}

/// The hub slows a site down by itself because of a signal, once a round and never twice within the time that it is for, where
/// that can do anything and nothing holds the site yet. It ends by itself.
pub(super) fn limit_by_itself(tx: &mut Tx, clerk: &Clerk, now: Timestamp, case: CaseId, signal: Signal) -> Result<(), CaseError> {
    let Some(case) = store::find(tx.conn(), case)?.filter(Case::is_open) else { return Ok(()) };
    let site = sites::find(tx.conn(), case.site_id)?.ok_or(CaseError::Unknown)?;
    let may_push = matches!(site.state, SiteState::Active | SiteState::Claimed) && !site.push_stopped;
    if !may_push || taken_at(tx, &case, Step::Limit)?.is_some() || sites::brake_of(tx.conn(), site.id)?.is_some() {
        return Ok(());
    }
    // Somebody of the team has let it go: that stands for a while, and its contact is not mailed again and again.
    let lately = now - clerk.settings.auto_limit_for;
    if store::count_entries(tx.conn(), case.id, EntryKind::Limited, Some(lately))? > 0 {
        return Ok(());
    }
    let words = signals::row(signal).meaning;
    let slowness = Slowness::usual(&clerk.settings, now);
    let reason = Reason::parse(words).ok();
    sites::brake(tx, now, Actor::Hub, site.id, &slowness.brake(case.id, true), reason.as_ref())?;
    let taking = Taking { until: Some(slowness.until), ..Taking::of(Step::Limit, EntryKind::Limited) };
    // The letter has the numbers; the signal's words are the team's language.
    finish(tx, clerk, now, Actor::Hub, (&case, &site), &taking, ("", None))?;
    Ok(store::save(tx.conn(), &case, now)?)
}

/// Takes away what has slowed a site down until now, and says so on its case. Where that was the hub's own and the case is open
/// still, another round begins: what goes on is slowed down again. `false`: somebody else has.
///
/// # Errors
/// When it can't be written.
pub fn end_limit(tx: &mut Tx, now: Timestamp, site: SiteId) -> Result<bool, CaseError> {
    tx.alone()?;
    let Some(brake) = sites::brake_of(tx.conn(), site)?.filter(|brake| !brake.holds(now)) else { return Ok(false) };
    sites::release(tx, now, Actor::Hub, site, Some("its time is over"))?;
    let case = brake.case.map(|case| store::find(tx.conn(), case)).transpose()?.flatten();
    if let Some(case) = case {
        let entry = NewEntry { kind: EntryKind::LimitEnded, by: Actor::Hub, words: "Its time is over.", letter: None };
        store::add_entry(tx.conn(), case.id, now, &entry)?;
        if brake.automatic && case.is_open() {
            next_round(tx, now, &case)?;
        }
    }
    Ok(true)
}

/// Switches a site's push off until somebody lifts that.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::Already`]; [`CaseError::NotNow`] when it is off already.
pub fn push_off(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order) -> Result<(), CaseError> {
    let (case, site) = begin(tx, order.case, Step::PushOff)?;
    if site.push_stopped {
        return Err(CaseError::NotNow("The team has switched this site's push off already."));
    }
    sites::stop_push(tx, now, by, site.id, true, order.reason)?;
    let taking = Taking::of(Step::PushOff, EntryKind::PushOff);
    finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    Ok(store::save(tx.conn(), &case, now)?)
}

/// Suspends the site of a case: within a second its keys stop.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::Already`]; [`CaseError::Site`] for a site that can't be suspended.
pub fn suspend(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order) -> Result<(), CaseError> {
    let (case, site) = begin(tx, order.case, Step::Suspend)?;
    sites::suspend_quietly(tx, now, by, site.id, order.reason)?;
    let taking = Taking::of(Step::Suspend, EntryKind::Suspended);
    finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    Ok(store::save(tx.conn(), &case, now)?)
}

/// Suspends a site from its own page: with the letter that says so, and with a case on which its owner can answer, opened if
/// there is none.
///
/// # Errors
/// [`CaseError::Site`] for a site that can't be suspended.
pub fn suspend_site(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: SiteId, reason: &Reason) -> Result<CaseId, CaseError> {
    tx.alone()?;
    sites::suspend(tx, clerk.desk, now, by, site, reason)?;
    let id = match store::open_of(tx.conn(), site)? {
        Some(open) => open.id,
        None => super::open_by_hand(tx, clerk, now, by, site, reason)?,
    };
    let mut case = open_case(tx, id)?;
    // Whatever was done in this round: it is suspended now, and told.
    if taken_at(tx, &case, Step::Suspend)?.is_some() {
        case = next_round(tx, now, &case)?;
    }
    keep(tx, now, by, &case, &Taking::of(Step::Suspend, EntryKind::Suspended), (reason.as_str(), None))?;
    store::save(tx.conn(), &case, now)?;
    Ok(id)
}

/// Lifts a site's suspension from its own page, with the letter that says so; its open case, if there is one, begins another
/// round.
///
/// # Errors
/// [`CaseError::Site`] for a site that is not suspended.
pub fn lift_site(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: SiteId, reason: &Reason) -> Result<(), CaseError> {
    tx.alone()?;
    sites::lift(tx, clerk.desk, now, by, site, reason)?;
    let Some(case) = store::open_of(tx.conn(), site)? else { return Ok(()) };
    keep(tx, now, by, &case, &Taking::of(Step::Lift, EntryKind::Lifted), (reason.as_str(), None))?;
    Ok(store::save(tx.conn(), &Case { round: case.round + 1, ..case.clone() }, now)?)
}

/// Switches a site's push off, or leaves it to its owner again, from where many sites are dealt with at once. Its open case, if
/// there is one, keeps that and why, and its contact is told; push that is allowed again begins another round.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such site.
pub fn stop_push_of_site(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    by: Actor,
    site: SiteId,
    stopped: bool,
    reason: &Reason,
) -> Result<(), CaseError> {
    tx.alone()?;
    let before = sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?;
    sites::stop_push(tx, now, by, site, stopped, reason)?;
    let open = if before.push_stopped == stopped { None } else { store::open_of(tx.conn(), site)? };
    let Some(mut case) = open else { return Ok(()) };
    let taking = if stopped { Taking::of(Step::PushOff, EntryKind::PushOff) } else { Taking::of(Step::Lift, EntryKind::PushOn) };
    if taken_at(tx, &case, taking.step)?.is_some() {
        case = next_round(tx, now, &case)?;
    }
    let site = sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?;
    let is_held = site.state == SiteState::Suspended || sites::brake_of(tx.conn(), site.id)?.is_some_and(|brake| brake.holds(now));
    if !stopped && is_held {
        // The letter would say that nothing holds the site any more.
        let entry = NewEntry { kind: EntryKind::PushOn, by, words: reason.as_str(), letter: None };
        store::add_entry(tx.conn(), case.id, now, &entry)?;
    } else {
        finish(tx, clerk, now, by, (&case, &site), &taking, (reason.as_str(), None))?;
    }
    let round = if stopped { case.round } else { case.round + 1 };
    Ok(store::save(tx.conn(), &Case { round, ..case.clone() }, now)?)
}

/// Ends whatever was done to the site in this case: suspension, push that is off, slowness. Another round begins.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::NotNow`] when nothing holds the site.
pub fn lift(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order) -> Result<(), CaseError> {
    let (case, site) = begin(tx, order.case, Step::Lift)?;
    let mut held = false;
    if site.state == SiteState::Suspended {
        sites::lift_quietly(tx, now, by, site.id, order.reason)?;
        held = true;
    }
    if site.push_stopped {
        sites::stop_push(tx, now, by, site.id, false, order.reason)?;
        held = true;
    }
    held |= sites::release(tx, now, by, site.id, Some(order.reason.as_str()))?;
    if !held {
        return Err(CaseError::NotNow("Nothing holds this site: there is nothing to lift."));
    }
    let taking = Taking::of(Step::Lift, EntryKind::Lifted);
    finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    Ok(store::save(tx.conn(), &Case { round: case.round + 1, ..case.clone() }, now)?)
}

/// Closes a case. What the hub has slowed down by itself is let go; what the team has done stays, and ends by itself or when it is
/// lifted, but a false alarm can hold nobody. Who was told of the case is told that it was a false alarm; that it is settled they are
/// told if somebody has written that mail.
///
/// # Errors
/// [`CaseError::Closed`]; [`CaseError::NotNow`] for a false alarm that still holds the site.
pub fn close(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, order: &Order, outcome: Outcome) -> Result<(), CaseError> {
    let (case, site) = begin(tx, order.case, Step::Close)?;
    let brake = sites::brake_of(tx.conn(), site.id)?.filter(|brake| brake.case == Some(case.id));
    let is_automatic = brake.as_ref().is_some_and(|brake| brake.automatic);
    let is_braked = brake.is_some_and(|brake| !brake.automatic && brake.holds(now));
    if outcome == Outcome::FalseAlarm && (site.state == SiteState::Suspended || site.push_stopped || is_braked) {
        return Err(CaseError::NotNow("Something still holds this site. Lift it first: a false alarm is no reason to hold anybody."));
    }
    if is_automatic {
        sites::release(tx, now, by, site.id, Some(order.reason.as_str()))?;
    }
    let taking = Taking::of(Step::Close, EntryKind::Closed);
    let is_worth_a_letter = outcome == Outcome::FalseAlarm || order.told.is_some();
    if is_worth_a_letter && store::is_told(tx.conn(), case.id)? {
        finish(tx, clerk, now, by, (&case, &site), &taking, (order.reason.as_str(), order.told))?;
    } else {
        let entry = NewEntry { kind: EntryKind::Closed, by, words: order.reason.as_str(), letter: None };
        store::add_entry(tx.conn(), case.id, now, &entry)?;
    }
    reports::store::settle_of(tx.conn(), case.id, now)?;
    let words = format!("case {}: {}", case.number, order.reason.as_str());
    let change = audit::Change::of("state", CaseState::Open.as_str(), outcome.as_str());
    audit::note_change(tx, now, by, Event::CaseClosed, site.id, Some(&words), change)?;
    // What the owner has written is dealt with: if this is opened again, they may write again.
    let answered_at = case.appealed_at.map_or(case.answered_at, |_| Some(now));
    let closed = Case { state: CaseState::Closed, outcome: Some(outcome), closed_at: Some(now), answered_at, ..case.clone() };
    // A case that is opened again by an appeal begins another round.
    Ok(store::save(tx.conn(), &Case { round: case.round + 1, ..closed }, now)?)
}
