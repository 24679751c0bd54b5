use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;

use crate::clock::Timestamp;
use crate::db::schema::{activity, watch_marks};
use crate::db::{Conn, Fault, each};
use crate::ids::SiteId;
use crate::push::Sign;

/// The database adds up in a type of its own, which differs.
const SUM: &str = "CAST(SUM(amount) AS BIGINT)";

/// The sites that have at least so much of a sign in some steps, with how much: the `most` that have the most.
pub(super) fn with_at_least(conn: &mut Conn, sign: Sign, slots: &[Timestamp], least: i64, most: i64) -> Result<Vec<(SiteId, i64)>, Fault> {
    Ok(activity::table
        .filter(activity::slot.eq_any(slots).and(activity::sign.eq(sign)))
        .group_by(activity::site_id)
        .having(sql::<BigInt>(SUM).ge(least))
        .order(sql::<BigInt>(SUM).desc())
        .select((activity::site_id, sql::<BigInt>(SUM)))
        .limit(most)
        .load(conn)?)
}

/// All signs of some sites since a moment.
pub(super) fn activity_of(conn: &mut Conn, sites: &[SiteId], since: Timestamp) -> Result<Vec<(SiteId, Timestamp, Sign, i64)>, Fault> {
    let mut found = Vec::new();
    // SQLite has a limit on how many values one query may name.
    for some in sites.chunks(200) {
        let of_sites = activity::table.filter(activity::site_id.eq_any(some).and(activity::slot.ge(since)));
        let rows: Vec<(SiteId, Timestamp, Sign, i64)> =
            of_sites.select((activity::site_id, activity::slot, activity::sign, activity::amount)).load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}

/// Deletes the oldest counts from before a moment: the first `most` of them, in the order of the primary key.
pub(super) fn delete_activity(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let oldest: Vec<(Timestamp, Sign, SiteId)> = activity::table
        .filter(activity::slot.lt(before))
        .order((activity::slot, activity::sign, activity::site_id))
        .limit(most)
        .select((activity::slot, activity::sign, activity::site_id))
        .load(conn)?;
    let Some((slot, sign, site)) = oldest.last().copied() else { return Ok(0) };
    // One step of a large hub may have more than are deleted at once.
    let of_step = activity::sign.lt(sign).or(activity::sign.eq(sign).and(activity::site_id.le(site)));
    let first = activity::slot.le(slot).and(activity::slot.lt(slot).or(of_step));
    Ok(diesel::delete(activity::table.filter(first)).execute(conn)?)
}

/// How far the watch has read of something.
pub(super) fn mark(conn: &mut Conn, name: &str) -> Result<Option<Timestamp>, Fault> {
    Ok(watch_marks::table.find(name).select(watch_marks::at).first(conn).optional()?)
}

pub(super) fn set_mark(conn: &mut Conn, name: &str, at: Timestamp) -> Result<(), Fault> {
    let values = (watch_marks::name.eq(name), watch_marks::at.eq(at));
    each!(conn, c => diesel::insert_into(watch_marks::table)
        .values(values)
        .on_conflict(watch_marks::name)
        .do_update()
        .set(watch_marks::at.eq(excluded(watch_marks::at)))
        .execute(c))?;
    Ok(())
}
