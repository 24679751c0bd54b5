use std::time::Duration;

use diesel::prelude::*;

use super::model::{Case, CaseEntry, CaseFilter, CaseSignal, CaseState, Counts, EntryKind, Evidence, Finding};
use super::{Signal, Step, reports};
use crate::audit::{Actor, ActorKind};
use crate::clock::Timestamp;
use crate::db::schema::{case_entries, case_signals, case_steps, cases};
use crate::db::{Conn, Fault, MultiBackend};
use crate::ids::{AccountId, CaseId, EntryId, LetterId, SiteId};

pub(super) fn insert(conn: &mut Conn, case: &Case) -> Result<(), Fault> {
    diesel::insert_into(cases::table)
        .values((
            cases::id.eq(case.id),
            cases::number.eq(case.number),
            cases::site_id.eq(case.site_id),
            cases::state.eq(case.state),
            cases::opened_by.eq(case.opened_by),
            cases::round.eq(case.round),
            cases::opened_at.eq(case.opened_at),
            cases::changed_at.eq(case.changed_at),
            cases::signal_at.eq(case.signal_at),
            cases::seen_at.eq(case.seen_at),
            cases::revision.eq(case.revision),
        ))
        .execute(conn)?;
    Ok(())
}

/// Writes a case as it is now, if nobody has changed it since it was read.
pub(super) fn save(conn: &mut Conn, case: &Case, now: Timestamp) -> Result<(), Fault> {
    let as_read = cases::table.find(case.id).filter(cases::revision.eq(case.revision));
    let rows = diesel::update(as_read)
        .set((
            cases::state.eq(case.state),
            cases::outcome.eq(case.outcome),
            cases::assigned_to.eq(case.assigned_to),
            cases::round.eq(case.round),
            cases::changed_at.eq(now),
            cases::signal_at.eq(case.signal_at),
            cases::seen_at.eq(case.seen_at),
            cases::appealed_at.eq(case.appealed_at),
            cases::answered_at.eq(case.answered_at),
            cases::closed_at.eq(case.closed_at),
            cases::revision.eq(case.revision + 1),
        ))
        .execute(conn)?;
    if rows == 1 { Ok(()) } else { Err(Fault::Stale) }
}

pub(super) fn last_number(conn: &mut Conn) -> Result<i64, Fault> {
    let last = cases::table.order(cases::number.desc()).select(cases::number).first(conn).optional()?;
    Ok(last.unwrap_or(0))
}

/// A case.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, id: CaseId) -> Result<Option<Case>, Fault> {
    Ok(cases::table.find(id).select(Case::as_select()).first(conn).optional()?)
}

/// A case by what people call it.
///
/// # Errors
/// When the database does not answer.
pub fn by_number(conn: &mut Conn, number: i64) -> Result<Option<Case>, Fault> {
    Ok(cases::table.filter(cases::number.eq(number)).select(Case::as_select()).first(conn).optional()?)
}

/// The open case of a site: there is one at most.
///
/// # Errors
/// When the database does not answer.
pub fn open_of(conn: &mut Conn, site: SiteId) -> Result<Option<Case>, Fault> {
    let open = cases::table.filter(cases::site_id.eq(site).and(cases::state.eq(CaseState::Open)));
    Ok(open.select(Case::as_select()).first(conn).optional()?)
}

/// The cases of a site, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<Case>, Fault> {
    list(conn, &CaseFilter { site: Some(site), ..CaseFilter::default() }, most)
}

type Listed<'a> = cases::BoxedQuery<'a, MultiBackend>;

/// The cases that a filter lets through, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn list(conn: &mut Conn, filter: &CaseFilter, most: i64) -> Result<Vec<Case>, Fault> {
    let mut query: Listed<'_> = cases::table.into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(cases::state.eq(state));
    }
    if let Some(signal) = filter.signal {
        query = query.filter(cases::id.eq_any(case_signals::table.filter(case_signals::signal.eq(signal)).select(case_signals::case_id)));
    }
    if let Some(account) = filter.assigned_to {
        query = query.filter(cases::assigned_to.eq(account));
    }
    if filter.appealed {
        query = unanswered(query);
    }
    if let Some(site) = filter.site {
        query = query.filter(cases::site_id.eq(site));
    }
    if let Some(after) = filter.after {
        query = query.filter(cases::id.lt(after));
    }
    Ok(query.order(cases::id.desc()).limit(most).select(Case::as_select()).load(conn)?)
}

/// The open cases whose owner waits for an answer.
fn unanswered(query: Listed<'_>) -> Listed<'_> {
    let unanswered = cases::answered_at.is_null().or(cases::answered_at.lt(cases::appealed_at));
    query.filter(cases::state.eq(CaseState::Open).and(cases::appealed_at.is_not_null())).filter(unanswered)
}

/// How much there is to do.
///
/// # Errors
/// When the database does not answer.
pub fn counts(conn: &mut Conn) -> Result<Counts, Fault> {
    let open = cases::table.filter(cases::state.eq(CaseState::Open));
    Ok(Counts {
        unseen: open.filter(cases::seen_at.is_null()).count().get_result(conn)?,
        open: open.count().get_result(conn)?,
        appeals: unanswered(cases::table.into_boxed()).count().get_result(conn)?,
        loose_reports: reports::store::count_loose(conn)?,
    })
}

type SignalRow = (Signal, Timestamp, Timestamp, i64, i64, i64, i64, String);

fn of_row((signal, first_at, last_at, times, amount, peak, threshold, evidence): SignalRow) -> CaseSignal {
    // What an older version wrote, and this one can't read, is not shown.
    let evidence = serde_json::from_str(&evidence).unwrap_or_default();
    CaseSignal { signal, first_at, last_at, times, amount, peak, threshold, evidence }
}

/// The signals of a case, the first one first.
///
/// # Errors
/// When the database does not answer.
pub fn signals_of(conn: &mut Conn, case: CaseId) -> Result<Vec<CaseSignal>, Fault> {
    let rows: Vec<SignalRow> = case_signals::table
        .filter(case_signals::case_id.eq(case))
        .order((case_signals::first_at, case_signals::signal))
        .select((
            case_signals::signal,
            case_signals::first_at,
            case_signals::last_at,
            case_signals::times,
            case_signals::amount,
            case_signals::peak,
            case_signals::threshold,
            case_signals::evidence,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(of_row).collect())
}

fn text_of(evidence: &Evidence) -> Result<String, Fault> {
    serde_json::to_string(evidence).map_err(|e| Fault::Unreadable(format!("evidence: {e}")))
}

pub(super) fn add_signal(conn: &mut Conn, case: CaseId, now: Timestamp, finding: &Finding) -> Result<(), Fault> {
    diesel::insert_into(case_signals::table)
        .values((
            case_signals::case_id.eq(case),
            case_signals::signal.eq(finding.signal),
            case_signals::first_at.eq(now),
            case_signals::last_at.eq(now),
            case_signals::times.eq(1),
            case_signals::amount.eq(finding.amount),
            case_signals::peak.eq(finding.amount),
            case_signals::threshold.eq(finding.threshold),
            case_signals::evidence.eq(text_of(&finding.evidence)?),
        ))
        .execute(conn)?;
    Ok(())
}

/// What is seen again takes the place of what was seen before; the peak stays.
pub(super) fn repeat_signal(conn: &mut Conn, case: CaseId, before: &CaseSignal, again: &CaseSignal) -> Result<(), Fault> {
    let row = case_signals::table.filter(case_signals::case_id.eq(case).and(case_signals::signal.eq(before.signal)));
    diesel::update(row)
        .set((
            case_signals::last_at.eq(again.last_at),
            case_signals::times.eq(again.times),
            case_signals::amount.eq(again.amount),
            case_signals::peak.eq(again.peak),
            case_signals::threshold.eq(again.threshold),
            case_signals::evidence.eq(text_of(&again.evidence)?),
        ))
        .execute(conn)?;
    Ok(())
}

/// The cases of a site that were closed after `since`, each with the signals that it had.
pub(super) fn closed_since(conn: &mut Conn, site: SiteId, since: Timestamp) -> Result<Vec<(Case, Vec<Signal>)>, Fault> {
    let closed = cases::table.filter(cases::site_id.eq(site).and(cases::closed_at.ge(since)));
    let closed: Vec<Case> = closed.order(cases::id.desc()).limit(50).select(Case::as_select()).load(conn)?;
    let with_signals = closed.into_iter().map(|case| {
        let signals = case_signals::table.filter(case_signals::case_id.eq(case.id)).select(case_signals::signal).load(conn)?;
        Ok((case, signals))
    });
    with_signals.collect()
}

/// What an entry says.
pub(super) struct NewEntry<'a> {
    pub kind: EntryKind,
    pub by: Actor,
    pub words: &'a str,
    pub letter: Option<LetterId>,
}

pub(super) fn add_entry(conn: &mut Conn, case: CaseId, now: Timestamp, entry: &NewEntry) -> Result<(), Fault> {
    let (actor_kind, actor_id) = match entry.by {
        Actor::Account(id, _) => (ActorKind::Account, Some(id)),
        Actor::Operator => (ActorKind::Operator, None),
        Actor::Hub => (ActorKind::Hub, None),
    };
    let of_case = case_entries::table.filter(case_entries::case_id.eq(case));
    let last: Option<Timestamp> = of_case.order(case_entries::at.desc()).select(case_entries::at).first(conn).optional()?;
    // What happens in one moment is still told in the order in which it happened.
    let at = last.map_or(now, |last| now.max(last + Duration::from_micros(1)));
    diesel::insert_into(case_entries::table)
        .values((
            case_entries::id.eq(EntryId::new(now)),
            case_entries::case_id.eq(case),
            case_entries::at.eq(at),
            case_entries::kind.eq(entry.kind),
            case_entries::actor_kind.eq(actor_kind),
            case_entries::actor_id.eq(actor_id),
            case_entries::words.eq(entry.words),
            case_entries::letter_id.eq(entry.letter),
        ))
        .execute(conn)?;
    Ok(())
}

/// What happened in a case, oldest first: the latest `most`.
///
/// # Errors
/// When the database does not answer.
pub fn entries_of(conn: &mut Conn, case: CaseId, most: i64) -> Result<Vec<CaseEntry>, Fault> {
    let of_case = case_entries::table.filter(case_entries::case_id.eq(case));
    let mut entries: Vec<CaseEntry> =
        of_case.order((case_entries::at.desc(), case_entries::id.desc())).limit(most).select(CaseEntry::as_select()).load(conn)?;
    entries.reverse();
    Ok(entries)
}

/// How many entries of a kind a case has since a moment.
pub(super) fn count_entries(conn: &mut Conn, case: CaseId, kind: EntryKind, since: Option<Timestamp>) -> Result<i64, Fault> {
    let mut query = case_entries::table.filter(case_entries::case_id.eq(case).and(case_entries::kind.eq(kind))).into_boxed();
    if let Some(since) = since {
        query = query.filter(case_entries::at.gt(since));
    }
    Ok(query.count().get_result(conn)?)
}

/// The steps that were taken in a round of a case, each with its time.
///
/// # Errors
/// When the database does not answer.
pub fn steps_of(conn: &mut Conn, case: CaseId, round: i64) -> Result<Vec<(Step, Timestamp)>, Fault> {
    let of_round = case_steps::table.filter(case_steps::case_id.eq(case).and(case_steps::round.eq(round)));
    Ok(of_round.order(case_steps::at).select((case_steps::step, case_steps::at)).load(conn)?)
}

/// Whether any step of a case was ever taken: then its site's owner knows of it.
///
/// # Errors
/// When the database does not answer.
pub fn is_told(conn: &mut Conn, case: CaseId) -> Result<bool, Fault> {
    let steps = case_steps::table.filter(case_steps::case_id.eq(case));
    Ok(steps.select(case_steps::round).first::<i64>(conn).optional()?.is_some())
}

/// Notes that a step was taken: with its letter and its act, or not at all. The database refuses a second one.
pub(super) fn add_step(conn: &mut Conn, case: &Case, step: Step, now: Timestamp) -> Result<(), Fault> {
    let of_case = (case_steps::case_id.eq(case.id), case_steps::step.eq(step), case_steps::round.eq(case.round));
    diesel::insert_into(case_steps::table).values((of_case, case_steps::at.eq(now))).execute(conn)?;
    Ok(())
}

/// Erases what an account has written in the cases of a site: its appeals.
///
/// # Errors
/// When it can't be written.
pub fn erase_appeals(conn: &mut Conn, site: SiteId, account: AccountId) -> Result<(), Fault> {
    let of_site = cases::table.filter(cases::site_id.eq(site)).select(cases::id);
    let theirs = case_entries::table.filter(case_entries::case_id.eq_any(of_site)).filter(case_entries::actor_id.eq(account));
    diesel::update(theirs).set(case_entries::words.eq("")).execute(conn)?;
    Ok(())
}

/// Erases the words in cases that were closed before a moment, of `most` entries at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn erase_words(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let closed = cases::table.filter(cases::closed_at.lt(before)).select(cases::id);
    let old = case_entries::table.filter(case_entries::case_id.eq_any(closed)).filter(case_entries::words.ne(""));
    let old: Vec<EntryId> = old.order(case_entries::id).limit(most).select(case_entries::id).load(conn)?;
    Ok(diesel::update(case_entries::table.filter(case_entries::id.eq_any(old))).set(case_entries::words.eq("")).execute(conn)?)
}
