use diesel::prelude::*;

use super::super::model::Report;
use super::NewReport;
use crate::clock::Timestamp;
use crate::db::schema::{abuse_reports, cases};
use crate::db::text::lower_if_any;
use crate::db::{Conn, Fault};
use crate::ids::{CaseId, ReportId, SiteId};

pub(super) fn insert(conn: &mut Conn, id: ReportId, new: &NewReport, now: Timestamp) -> Result<(), Fault> {
    diesel::insert_into(abuse_reports::table)
        .values((
            abuse_reports::id.eq(id),
            abuse_reports::at.eq(now),
            abuse_reports::site_id.eq(new.site),
            abuse_reports::about.eq(&new.about),
            abuse_reports::words.eq(&new.words),
            abuse_reports::reporter_email.eq(new.reporter_email.as_ref().map(|email| email.as_str())),
            abuse_reports::network.eq(&new.network),
        ))
        .execute(conn)?;
    Ok(())
}

/// What somebody has told.
///
/// # Errors
/// When the database does not answer.
pub fn find_report(conn: &mut Conn, id: ReportId) -> Result<Option<Report>, Fault> {
    Ok(abuse_reports::table.find(id).select(Report::as_select()).first(conn).optional()?)
}

/// The reports on a case, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn reports_of_case(conn: &mut Conn, case: CaseId, most: i64) -> Result<Vec<Report>, Fault> {
    let of_case = abuse_reports::table.filter(abuse_reports::case_id.eq(case));
    Ok(of_case.order(abuse_reports::id).limit(most).select(Report::as_select()).load(conn)?)
}

/// The reports that are on no case and that nobody has dealt with, oldest first, newer than `after`.
///
/// # Errors
/// When the database does not answer.
pub fn loose_reports(conn: &mut Conn, after: Option<ReportId>, most: i64) -> Result<Vec<Report>, Fault> {
    let loose = abuse_reports::table.filter(abuse_reports::done_at.is_null().and(abuse_reports::case_id.is_null()));
    let mut query = loose.order(abuse_reports::id).limit(most).select(Report::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(abuse_reports::id.gt(after));
    }
    Ok(query.load(conn)?)
}

pub(in super::super) fn count_loose(conn: &mut Conn) -> Result<i64, Fault> {
    let loose = abuse_reports::table.filter(abuse_reports::done_at.is_null().and(abuse_reports::case_id.is_null()));
    Ok(loose.count().get_result(conn)?)
}

pub(super) fn count_loose_of(conn: &mut Conn, site: SiteId) -> Result<i64, Fault> {
    let loose = abuse_reports::table.filter(abuse_reports::done_at.is_null().and(abuse_reports::case_id.is_null()));
    Ok(loose.filter(abuse_reports::site_id.eq(site)).count().get_result(conn)?)
}

pub(super) fn count_of_case(conn: &mut Conn, case: CaseId) -> Result<i64, Fault> {
    Ok(abuse_reports::table.filter(abuse_reports::case_id.eq(case)).count().get_result(conn)?)
}

/// Says which site a report is about.
pub(super) fn name_site(conn: &mut Conn, id: ReportId, site: SiteId) -> Result<(), Fault> {
    diesel::update(abuse_reports::table.find(id)).set(abuse_reports::site_id.eq(site)).execute(conn)?;
    Ok(())
}

/// Puts the loose reports about a site on its case.
pub(super) fn attach(conn: &mut Conn, site: SiteId, case: CaseId) -> Result<(), Fault> {
    let loose = abuse_reports::table.filter(abuse_reports::done_at.is_null().and(abuse_reports::case_id.is_null()));
    diesel::update(loose.filter(abuse_reports::site_id.eq(site))).set(abuse_reports::case_id.eq(case)).execute(conn)?;
    Ok(())
}

/// Notes that a loose report was dealt with. `false`: it was before, or is on a case.
pub(super) fn settle(conn: &mut Conn, id: ReportId, now: Timestamp) -> Result<bool, Fault> {
    let loose = abuse_reports::table.find(id).filter(abuse_reports::done_at.is_null().and(abuse_reports::case_id.is_null()));
    Ok(diesel::update(loose).set(abuse_reports::done_at.eq(now)).execute(conn)? == 1)
}

/// A case is closed: its reports are dealt with.
pub(in super::super) fn settle_of(conn: &mut Conn, case: CaseId, now: Timestamp) -> Result<(), Fault> {
    let of_case = abuse_reports::table.filter(abuse_reports::case_id.eq(case).and(abuse_reports::done_at.is_null()));
    diesel::update(of_case).set(abuse_reports::done_at.eq(now)).execute(conn)?;
    Ok(())
}

/// Erases a mailbox, in small letters or as it is spelled, from the reports that came from it. What they tell of a site stays.
///
/// # Errors
/// When it can't be written.
pub fn erase_reporter(conn: &mut Conn, email: &str) -> Result<(), Fault> {
    let spelled = lower_if_any(abuse_reports::reporter_email).eq(email).or(abuse_reports::reporter_email.eq(email));
    let theirs = abuse_reports::table.filter(spelled);
    diesel::update(theirs).set((abuse_reports::reporter_email.eq(None::<String>), abuse_reports::network.eq(""))).execute(conn)?;
    Ok(())
}

/// Deletes reports whose case was closed before a moment, or that were settled without one; `most` at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn trim_reports(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let closed = cases::table.filter(cases::closed_at.lt(before)).select(cases::id.nullable());
    let with_case = abuse_reports::case_id.eq_any(closed);
    let without = abuse_reports::case_id.is_null().and(abuse_reports::done_at.lt(before));
    let over = abuse_reports::table.filter(with_case.or(without)).order(abuse_reports::id).limit(most);
    let over: Vec<ReportId> = over.select(abuse_reports::id).load(conn)?;
    Ok(diesel::delete(abuse_reports::table.filter(abuse_reports::id.eq_any(over))).execute(conn)?)
}
