use std::collections::HashSet;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{
    abuse_reports, brakes, case_entries, cases, erasures, live_settings, registrations, saved_views, site_terms, sites,
};
use crate::db::{Conn, Fault, each};
use crate::ids::{AccountId, CaseId, EntryId, RegistrationId, ReportId, SiteId};

diesel::define_sql_function! {
    /// Lower case, of ASCII letters at least.
    fn lower(text: diesel::sql_types::Nullable<diesel::sql_types::Text>) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// Notes that an account is to be erased. Twice is once.
pub(super) fn ask(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<(), Fault> {
    let values = (erasures::account_id.eq(account), erasures::asked_at.eq(now));
    each!(conn, c => diesel::insert_into(erasures::table).values(values).on_conflict(erasures::account_id).do_nothing().execute(c))?;
    Ok(())
}

/// Whether an account is being erased.
///
/// # Errors
/// When the database does not answer.
pub fn is_asked(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    Ok(erasures::table.find(account).count().get_result::<i64>(conn)? > 0)
}

/// The accounts that are being erased, the longest first.
///
/// # Errors
/// When the database does not answer.
pub fn under_way(conn: &mut Conn, most: i64) -> Result<Vec<AccountId>, Fault> {
    let asked = erasures::table.order((erasures::asked_at, erasures::account_id)).limit(most);
    Ok(asked.select(erasures::account_id).load(conn)?)
}

/// Erases what an account has written in the cases of a site: its appeals.
pub(super) fn erase_appeals(conn: &mut Conn, site: SiteId, account: AccountId) -> Result<(), Fault> {
    let of_site = cases::table.filter(cases::site_id.eq(site)).select(cases::id);
    let theirs = case_entries::table.filter(case_entries::case_id.eq_any(of_site)).filter(case_entries::actor_id.eq(account));
    diesel::update(theirs).set(case_entries::words.eq("")).execute(conn)?;
    Ok(())
}

/// Erases a mailbox, in small letters or as it is spelled, from the reports that came from it. What they tell of a site stays.
pub(super) fn erase_reporter(conn: &mut Conn, email: &str) -> Result<(), Fault> {
    let spelled = lower(abuse_reports::reporter_email).eq(email).or(abuse_reports::reporter_email.eq(email));
    let theirs = abuse_reports::table.filter(spelled);
    diesel::update(theirs).set((abuse_reports::reporter_email.eq(None::<String>), abuse_reports::network.eq(""))).execute(conn)?;
    Ok(())
}

/// Sites that name a mailbox, in small letters or as it is spelled, as their contact; `most` at once.
pub(super) fn sites_naming(conn: &mut Conn, email: &str, most: i64) -> Result<Vec<SiteId>, Fault> {
    let theirs = sites::table.filter(lower(sites::contact_email).eq(email).or(sites::contact_email.eq(email)));
    Ok(theirs.order(sites::id).limit(most).select(sites::id).load(conn)?)
}

/// Erases a mailbox, likewise, where Moodles have named it for their mails on security; `most` at once. Gives how many.
pub(super) fn erase_alerts_to(conn: &mut Conn, email: &str, most: i64) -> Result<usize, Fault> {
    let theirs = registrations::table.filter(lower(registrations::alerts_email).eq(email).or(registrations::alerts_email.eq(email)));
    let found: Vec<RegistrationId> = theirs.order(registrations::id).limit(most).select(registrations::id).load(conn)?;
    let named = registrations::table.filter(registrations::id.eq_any(found));
    Ok(diesel::update(named).set(registrations::alerts_email.eq(None::<String>)).execute(conn)?)
}

/// Which of these sites belong to an account.
pub(super) fn owned_of(conn: &mut Conn, account: AccountId, of: &[SiteId]) -> Result<HashSet<SiteId>, Fault> {
    let owned = sites::table.filter(sites::account_id.eq(account).and(sites::id.eq_any(of))).select(sites::id);
    Ok(owned.load::<SiteId>(conn)?.into_iter().collect())
}

/// Takes an account's name from the settings that it has changed; they stay.
pub(super) fn forget_in_settings(conn: &mut Conn, account: AccountId) -> Result<(), Fault> {
    let theirs = live_settings::table.filter(live_settings::account_id.eq(account));
    diesel::update(theirs).set(live_settings::account_id.eq(None::<AccountId>)).execute(conn)?;
    Ok(())
}

/// Deletes reports about abuse whose case was closed before a moment, or that were settled without one; `most` at once.
pub(super) fn trim_reports(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let closed = cases::table.filter(cases::closed_at.lt(before)).select(cases::id.nullable());
    let with_case = abuse_reports::case_id.eq_any(closed);
    let without = abuse_reports::case_id.is_null().and(abuse_reports::done_at.lt(before));
    let over = abuse_reports::table.filter(with_case.or(without)).order(abuse_reports::id).limit(most);
    let over: Vec<ReportId> = over.select(abuse_reports::id).load(conn)?;
    Ok(diesel::delete(abuse_reports::table.filter(abuse_reports::id.eq_any(over))).execute(conn)?)
}

/// Erases the words of entries in cases that were closed before a moment; `most` at once.
pub(super) fn erase_entries(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let closed = cases::table.filter(cases::closed_at.lt(before)).select(cases::id);
    let old = case_entries::table.filter(case_entries::case_id.eq_any(closed)).filter(case_entries::words.ne(""));
    let old: Vec<EntryId> = old.order(case_entries::id).limit(most).select(case_entries::id).load(conn)?;
    Ok(diesel::update(case_entries::table.filter(case_entries::id.eq_any(old))).set(case_entries::words.eq("")).execute(conn)?)
}

/// A case about a site, as its owner may see it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = cases)]
pub(super) struct CaseRow {
    pub id: CaseId,
    pub number: i64,
    pub state: String,
    pub outcome: Option<String>,
    pub opened_at: Timestamp,
    pub appealed_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
}

/// The cases about a site, oldest first, newer than `after`.
pub(super) fn cases_of(conn: &mut Conn, site: SiteId, after: Option<CaseId>, most: i64) -> Result<Vec<CaseRow>, Fault> {
    let mut query = cases::table.filter(cases::site_id.eq(site)).order(cases::id).limit(most).select(CaseRow::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(cases::id.gt(after));
    }
    Ok(query.load(conn)?)
}

/// Something that happened in a case.
#[derive(Queryable, Selectable)]
#[diesel(table_name = case_entries)]
pub(super) struct EntryRow {
    pub at: Timestamp,
    pub kind: String,
    pub actor_id: Option<AccountId>,
    pub words: String,
}

/// What a site's owner sees of a case: what was done to the site, and what they and the team wrote to each other.
const FOR_OWNERS: [&str; 9] = ["warned", "limited", "limit_ended", "push_off", "push_on", "suspended", "lifted", "appeal", "answer"];

/// What a site's owner sees of a case; not what the team keeps for itself.
pub(super) fn entries_for(conn: &mut Conn, case: CaseId, most: i64) -> Result<Vec<EntryRow>, Fault> {
    let of_case = case_entries::table.filter(case_entries::case_id.eq(case).and(case_entries::kind.eq_any(FOR_OWNERS)));
    Ok(of_case.order(case_entries::id).limit(most).select(EntryRow::as_select()).load(conn)?)
}

/// What holds for one site otherwise than for the others.
#[derive(Queryable, Selectable)]
#[diesel(table_name = site_terms)]
pub(super) struct Terms {
    pub binding: Option<String>,
    pub max_site_users: Option<i64>,
    pub push_per_second: Option<i64>,
    pub push_burst: Option<i64>,
    pub push_per_day: Option<i64>,
    pub enrol_per_second: Option<i64>,
    pub enrol_burst: Option<i64>,
}

pub(super) fn terms_of(conn: &mut Conn, site: SiteId) -> Result<Option<Terms>, Fault> {
    Ok(site_terms::table.find(site).select(Terms::as_select()).first(conn).optional()?)
}

/// How a site is slowed down, and until when.
pub(super) fn brake_of(conn: &mut Conn, site: SiteId) -> Result<Option<(i64, i64, i64, Timestamp)>, Fault> {
    let brake = (brakes::push_per_second, brakes::push_per_day, brakes::enrol_per_second, brakes::until);
    Ok(brakes::table.find(site).select(brake).first(conn).optional()?)
}

/// The lists that a member of the team keeps: name, query, whether others see it, since when.
pub(super) fn views_of(conn: &mut Conn, account: AccountId) -> Result<Vec<(String, String, bool, Timestamp)>, Fault> {
    let kept = saved_views::table.filter(saved_views::account_id.eq(account)).order(saved_views::id).limit(500);
    Ok(kept.select((saved_views::name, saved_views::query, saved_views::shared, saved_views::created_at)).load(conn)?)
}
