use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::count::{Sign, SiteTally};
use super::{REFUSALS, RefusalKind, totals};
use crate::clock::Timestamp;
use crate::db::schema::{activity, recent_pushes, usage_hourly};
use crate::db::{Conn, Fault, Tx, each};
use crate::ids::{PushId, SiteId};

/// How many of a site's latest pushes are kept.
const RECENT: i64 = 50;

/// Adds counts to their hours', and the latest pushes to the sites' lists.
pub(super) fn add(tx: &mut Tx, tallies: &HashMap<SiteId, SiteTally>) -> Result<(), Fault> {
    // In one order on every node, so that two that flush at once can't wait for each other.
    let tallies: BTreeMap<_, _> = tallies.iter().collect();
    for (site, tally) in &tallies {
        for (hour, code, count) in &tally.by_code {
            add_count(tx.conn(), **site, *hour, code, *count)?;
        }
        for (slot, sign, count) in &tally.signs {
            add_sign(tx.conn(), **site, *slot, *sign, *count)?;
        }
        if tally.recent.is_empty() {
            continue;
        }
        for push in &tally.recent {
            diesel::insert_into(recent_pushes::table)
                .values((
                    recent_pushes::id.eq(push.id.unwrap_or_else(|| PushId::new(push.at))),
                    recent_pushes::site_id.eq(**site),
                    recent_pushes::at.eq(push.at),
                    recent_pushes::app.eq(&push.app),
                    recent_pushes::hint.eq(&push.hint),
                    recent_pushes::body_bytes.eq(i64::try_from(push.body_bytes).unwrap_or(i64::MAX)),
                    recent_pushes::code.eq(push.code),
                ))
                .execute(tx.conn())?;
        }
        trim(tx.conn(), **site)?;
    }
    totals::add(tx, &tallies)
}

fn add_count(conn: &mut Conn, site: SiteId, hour: Timestamp, code: &str, count: i64) -> Result<(), Fault> {
    let values = (usage_hourly::site_id.eq(site), usage_hourly::hour.eq(hour), usage_hourly::code.eq(code), usage_hourly::pushes.eq(count));
    each!(conn, c => diesel::insert_into(usage_hourly::table)
        .values(values)
        .on_conflict((usage_hourly::site_id, usage_hourly::hour, usage_hourly::code))
        .do_update()
        .set(usage_hourly::pushes.eq(usage_hourly::pushes + excluded(usage_hourly::pushes)))
        .execute(c))?;
    Ok(())
}

fn add_sign(conn: &mut Conn, site: SiteId, slot: Timestamp, sign: Sign, count: i64) -> Result<(), Fault> {
    let values = (activity::slot.eq(slot), activity::sign.eq(sign), activity::site_id.eq(site), activity::amount.eq(count));
    each!(conn, c => diesel::insert_into(activity::table)
        .values(values)
        .on_conflict((activity::slot, activity::sign, activity::site_id))
        .do_update()
        .set(activity::amount.eq(activity::amount + excluded(activity::amount)))
        .execute(c))?;
    Ok(())
}

fn trim(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    let of_site = recent_pushes::table.filter(recent_pushes::site_id.eq(site));
    let oldest_kept =
        of_site.order(recent_pushes::id.desc()).offset(RECENT - 1).select(recent_pushes::id).first::<PushId>(conn).optional()?;
    if let Some(oldest) = oldest_kept {
        diesel::delete(of_site.filter(recent_pushes::id.lt(oldest))).execute(conn)?;
    }
    Ok(())
}

/// A push as the site's page lists it: when, how large, and what became of it; never what was in it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = recent_pushes)]
pub struct Recent {
    pub id: PushId,
    pub at: Timestamp,
    pub app: String,
    pub hint: String,
    pub body_bytes: i64,
    pub code: String,
}

/// The latest pushes of a site, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn recent(conn: &mut Conn, site: SiteId, before: Option<PushId>, most: i64) -> Result<Vec<Recent>, Fault> {
    let of_site = recent_pushes::table.filter(recent_pushes::site_id.eq(site));
    let mut query = of_site.order(recent_pushes::id.desc()).limit(most).select(Recent::as_select()).into_boxed();
    if let Some(before) = before {
        query = query.filter(recent_pushes::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Forgets the latest pushes of a site.
///
/// # Errors
/// When it can't be written.
pub fn forget_recent(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    diesel::delete(recent_pushes::table.filter(recent_pushes::site_id.eq(site))).execute(conn)?;
    Ok(())
}

/// Forgets pushes from before a moment, `most` of them at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn trim_recent(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    // Ids run in time order: the oldest are at the beginning of the index that every table has.
    let oldest = recent_pushes::table.order(recent_pushes::id).limit(most).select((recent_pushes::id, recent_pushes::at));
    let oldest: Vec<(PushId, Timestamp)> = oldest.load(conn)?;
    let old: Vec<PushId> = oldest.into_iter().take_while(|(_, at)| *at < before).map(|(id, _)| id).collect();
    Ok(diesel::delete(recent_pushes::table.filter(recent_pushes::id.eq_any(old))).execute(conn)?)
}

/// What became of a site's pushes on the days from `from` on, `days` of them, oldest first: day, code, how many. Begins with
/// the first day that has any.
///
/// # Errors
/// When the database does not answer.
pub fn by_day(conn: &mut Conn, site: SiteId, from: Option<Timestamp>, days: u32) -> Result<Vec<(Timestamp, String, u64)>, Fault> {
    let from = from.unwrap_or_else(|| Timestamp::from_micros(0));
    let later = usage_hourly::table.filter(usage_hourly::site_id.eq(site).and(usage_hourly::hour.ge(from)));
    let first: Option<Timestamp> = later.order(usage_hourly::hour).select(usage_hourly::hour).first(conn).optional()?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let end = first.day() + Duration::from_secs(86_400) * days;
    let rows: Vec<(Timestamp, String, i64)> = usage_hourly::table
        .filter(usage_hourly::site_id.eq(site).and(usage_hourly::hour.ge(first)).and(usage_hourly::hour.lt(end)))
        .select((usage_hourly::hour, usage_hourly::code, usage_hourly::pushes))
        .load(conn)?;
    let mut sums: BTreeMap<(Timestamp, String), u64> = BTreeMap::new();
    for (hour, code, pushes) in rows {
        *sums.entry((hour.day(), code)).or_default() += u64::try_from(pushes).unwrap_or(0);
    }
    Ok(sums.into_iter().map(|((day, code), pushes)| (day, code, pushes)).collect())
}

/// An hour's pushes of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    pub delivered: u64,
    pub refused: u64,
}

/// What became of a site's pushes in each of the last 24 hours, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn by_hour(conn: &mut Conn, site: SiteId, now: Timestamp) -> Result<Vec<(Timestamp, Tallied)>, Fault> {
    by_hours(conn, site, now, 24)
}

/// What became of a site's pushes in each of the last `hours` hours, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn by_hours(conn: &mut Conn, site: SiteId, now: Timestamp, hours: u32) -> Result<Vec<(Timestamp, Tallied)>, Fault> {
    let hour = Duration::from_secs(3_600);
    let first = now.hour() - hour * hours.saturating_sub(1);
    let rows: Vec<(Timestamp, String, i64)> = usage_hourly::table
        .filter(usage_hourly::site_id.eq(site).and(usage_hourly::hour.ge(first)))
        .select((usage_hourly::hour, usage_hourly::code, usage_hourly::pushes))
        .load(conn)?;
    let mut all: BTreeMap<Timestamp, Tallied> = (0..hours).map(|n| (first + hour * n, Tallied::default())).collect();
    for (at, code, count) in rows {
        let tallied = all.entry(at).or_default();
        let count = u64::try_from(count).unwrap_or(0);
        if code == "delivered" { tallied.delivered += count } else { tallied.refused += count }
    }
    Ok(all.into_iter().collect())
}

/// How many pushes some sites sent in each hour since a moment, and how many of them went to tokens known to be gone.
///
/// # Errors
/// When the database does not answer.
pub fn gone_by_hour(conn: &mut Conn, sites: &[SiteId], since: Timestamp) -> Result<Vec<(SiteId, Timestamp, i64, i64)>, Fault> {
    let mut sums: BTreeMap<(SiteId, Timestamp), (i64, i64)> = BTreeMap::new();
    let gone = RefusalKind::Unregistered.row().code;
    // SQLite has a limit on how many values one query may name.
    for some in sites.chunks(200) {
        let of_sites = usage_hourly::table.filter(usage_hourly::site_id.eq_any(some).and(usage_hourly::hour.ge(since)));
        let rows: Vec<(SiteId, Timestamp, String, i64)> =
            of_sites.select((usage_hourly::site_id, usage_hourly::hour, usage_hourly::code, usage_hourly::pushes)).load(conn)?;
        for (site, hour, code, pushes) in rows {
            let sum = sums.entry((site, hour)).or_default();
            sum.0 += pushes;
            sum.1 += if code == gone { pushes } else { 0 };
        }
    }
    Ok(sums.into_iter().map(|((site, hour), (pushes, gone))| (site, hour, pushes, gone)).collect())
}

/// How many of a site's pushes had which outcome since a moment, and how many of them since a later one: the most frequent
/// first.
///
/// # Errors
/// When the database does not answer.
pub fn by_code(conn: &mut Conn, site: SiteId, since: Timestamp, later: Timestamp) -> Result<Vec<(String, u64, u64)>, Fault> {
    let rows: Vec<(Timestamp, String, i64)> = usage_hourly::table
        .filter(usage_hourly::site_id.eq(site).and(usage_hourly::hour.ge(since)))
        .select((usage_hourly::hour, usage_hourly::code, usage_hourly::pushes))
        .load(conn)?;
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (hour, code, pushes) in rows {
        let (pushes, sum) = (u64::try_from(pushes).unwrap_or(0), sums.entry(code).or_default());
        sum.0 += pushes;
        sum.1 += if hour >= later { pushes } else { 0 };
    }
    let mut sums: Vec<_> = sums.into_iter().map(|(code, (all, lately))| (code, all, lately)).collect();
    sums.sort_by_key(|(_, all, _)| std::cmp::Reverse(*all));
    Ok(sums)
}

/// How many pushes each site was let through today (UTC), for its quota after a restart.
///
/// # Errors
/// When the database does not answer.
pub fn today_by_site(conn: &mut Conn, now: Timestamp) -> Result<Vec<(SiteId, u64)>, Fault> {
    let rows: Vec<(SiteId, i64)> = usage_hourly::table
        .filter(usage_hourly::hour.ge(now.day()).and(usage_hourly::code.eq_any(let_through())))
        .select((usage_hourly::site_id, usage_hourly::pushes))
        .load(conn)?;
    let mut sums: HashMap<SiteId, u64> = HashMap::new();
    for (site, pushes) in rows {
        *sums.entry(site).or_default() += u64::try_from(pushes).unwrap_or(0);
    }
    Ok(sums.into_iter().collect())
}

/// How many pushes of one site were let through today (UTC), by all nodes, as far as they are written.
///
/// # Errors
/// When the database does not answer.
pub fn today_of(conn: &mut Conn, site: SiteId, now: Timestamp) -> Result<u64, Fault> {
    let counts: Vec<i64> = usage_hourly::table
        .filter(usage_hourly::site_id.eq(site).and(usage_hourly::hour.ge(now.day())).and(usage_hourly::code.eq_any(let_through())))
        .select(usage_hourly::pushes)
        .load(conn)?;
    Ok(counts.into_iter().map(|pushes| u64::try_from(pushes).unwrap_or(0)).sum())
}

/// What uses up a day's quota: those refused before or by the quota did not; what was refused after it did.
fn let_through() -> Vec<&'static str> {
    let after = REFUSALS.iter().skip(RefusalKind::OverQuota as usize + 1).map(|row| row.code);
    after.chain(["delivered"]).collect()
}

/// How many pushes were delivered for all sites since a moment.
///
/// # Errors
/// When the database does not answer.
pub fn pushed_since(conn: &mut Conn, since: Timestamp) -> Result<u64, Fault> {
    let counts: Vec<i64> = usage_hourly::table
        .filter(usage_hourly::hour.ge(since).and(usage_hourly::code.eq("delivered")))
        .select(usage_hourly::pushes)
        .load(conn)?;
    Ok(counts.iter().map(|count| u64::try_from(*count).unwrap_or(0)).sum())
}
