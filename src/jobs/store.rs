use std::time::Duration;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::jobs;
use crate::db::{Conn, Fault, each};
use crate::ids::LeaseId;

/// A job of all nodes, as its last run left it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Job {
    pub name: String,
    pub due_at: Timestamp,
    pub leased_until: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When it last ended well.
    pub well_at: Option<Timestamp>,
    pub took_ms: Option<i64>,
    pub runs: i64,
    pub failures: i64,
    /// Of the last run.
    pub error: Option<String>,
}

/// What a run left.
pub(super) struct Ended {
    pub ended_at: Timestamp,
    pub due_at: Timestamp,
    pub took: Duration,
    pub error: Option<String>,
}

/// Whether a job is due and nobody has it, or was never heard of.
pub(super) fn may_be_due(conn: &mut Conn, name: &str, now: Timestamp) -> Result<bool, Fault> {
    let known = jobs::table.find(name).select((jobs::due_at, jobs::leased_until)).first::<(Timestamp, Timestamp)>(conn).optional()?;
    Ok(known.is_none_or(|(due_at, leased_until)| due_at <= now && leased_until < now))
}

/// Enters a job that is new: it is due at once.
pub(super) fn enter(conn: &mut Conn, name: &str, now: Timestamp) -> Result<(), Fault> {
    let values = (
        jobs::name.eq(name),
        jobs::due_at.eq(now),
        jobs::leased_until.eq(Timestamp::from_micros(0)),
        jobs::runs.eq(0),
        jobs::failures.eq(0),
    );
    each!(conn, c => diesel::insert_into(jobs::table).values(values).on_conflict(jobs::name).do_nothing().execute(c))?;
    Ok(())
}

/// Leases a job that is due. `false`: it is not, or another node has it.
pub(super) fn take(conn: &mut Conn, name: &str, now: Timestamp, mine: LeaseId, until: Timestamp) -> Result<bool, Fault> {
    let free = jobs::table.find(name).filter(jobs::due_at.le(now).and(jobs::leased_until.lt(now)));
    let lease = (jobs::lease.eq(mine), jobs::leased_until.eq(until), jobs::started_at.eq(now));
    Ok(diesel::update(free).set(lease).execute(conn)? == 1)
}

pub(super) fn renew(conn: &mut Conn, name: &str, mine: LeaseId, until: Timestamp) -> Result<(), Fault> {
    diesel::update(jobs::table.find(name).filter(jobs::lease.eq(mine))).set(jobs::leased_until.eq(until)).execute(conn)?;
    Ok(())
}

/// Notes what a run left, if the lease is still this run's.
pub(super) fn end(conn: &mut Conn, name: &str, mine: LeaseId, ended: &Ended) -> Result<(), Fault> {
    let ours = jobs::table.find(name).filter(jobs::lease.eq(mine));
    let took_ms = i64::try_from(ended.took.as_millis()).unwrap_or(i64::MAX);
    diesel::update(ours)
        .set((
            jobs::lease.eq(None::<LeaseId>),
            jobs::leased_until.eq(Timestamp::from_micros(0)),
            jobs::due_at.eq(ended.due_at),
            jobs::ended_at.eq(ended.ended_at),
            jobs::took_ms.eq(took_ms),
            jobs::runs.eq(jobs::runs + 1),
            jobs::failures.eq(jobs::failures + i64::from(ended.error.is_some())),
            jobs::error.eq(&ended.error),
        ))
        .execute(conn)?;
    if ended.error.is_none() {
        diesel::update(jobs::table.find(name)).set(jobs::well_at.eq(ended.ended_at)).execute(conn)?;
    }
    Ok(())
}

/// Every job of all nodes, by name.
///
/// # Errors
/// When the database does not answer.
pub fn all(conn: &mut Conn) -> Result<Vec<Job>, Fault> {
    Ok(jobs::table.order(jobs::name).select(Job::as_select()).load(conn)?)
}
