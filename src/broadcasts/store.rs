use std::time::Duration;

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::model::Next;
use super::{Broadcast, BroadcastState};
use crate::clock::Timestamp;
use crate::db::schema::broadcasts;
use crate::db::{Conn, Fault};
use crate::ids::{BroadcastId, DeviceId, LeaseId, SiteId};

/// How long a broadcast that is over is listed.
pub const KEPT: Duration = Duration::from_secs(90 * 86_400);

pub(super) fn insert(conn: &mut Conn, new: &Broadcast, sealed: Option<Vec<u8>>) -> Result<(), Fault> {
    diesel::insert_into(broadcasts::table)
        .values((
            broadcasts::id.eq(new.id),
            broadcasts::site_id.eq(new.site_id),
            broadcasts::state.eq(new.state),
            broadcasts::app.eq(new.app.as_str()),
            broadcasts::channel.eq(new.channel.as_deref()),
            broadcasts::platform.eq(new.platform.as_deref()),
            broadcasts::body_sealed.eq(sealed),
            broadcasts::total.eq(new.total),
            broadcasts::sent.eq(new.sent),
            broadcasts::refused.eq(new.refused),
            broadcasts::begun.eq(new.begun),
            broadcasts::due_at.eq(new.created_at),
            broadcasts::leased_until.eq(new.created_at),
            broadcasts::created_at.eq(new.created_at),
            broadcasts::started_at.eq(new.started_at),
            broadcasts::ended_at.eq(new.ended_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// How many broadcasts of a site are not over.
pub(super) fn count_open(conn: &mut Conn, site: SiteId) -> Result<i64, Fault> {
    Ok(broadcasts::table.filter(broadcasts::site_id.eq(site).and(broadcasts::ended_at.is_null())).count().get_result(conn)?)
}

/// A broadcast that is due, with what it says and where it goes on.
#[derive(Queryable, Selectable)]
#[diesel(table_name = broadcasts)]
pub(super) struct Due {
    #[diesel(embed)]
    pub broadcast: Broadcast,
    pub body_sealed: Option<Vec<u8>>,
    pub after_id: Option<DeviceId>,
    pub due_at: Timestamp,
}

/// A broadcast as somebody has seen it: what is done to it is done to it as it was then, or not at all.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub id: BroadcastId,
    begun: i64,
    due_at: Timestamp,
    started_at: Option<Timestamp>,
}

impl Due {
    pub fn seen(&self) -> Seen {
        let Broadcast { id, begun, started_at, .. } = self.broadcast;
        Seen { id, begun, due_at: self.due_at, started_at }
    }
}

/// The broadcasts that are due and that nobody works on, the longest due first; of each site the oldest alone, so that one site
/// goes at one pace. A look that takes no lock.
pub(super) fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<Due>, Fault> {
    let older = diesel::alias!(broadcasts as older);
    let of_site = older.filter(older.field(broadcasts::site_id).eq(broadcasts::site_id).and(older.field(broadcasts::ended_at).is_null()));
    let first = not(exists(of_site.filter(older.field(broadcasts::id).lt(broadcasts::id))));
    let due = broadcasts::table.filter(broadcasts::ended_at.is_null().and(broadcasts::due_at.le(now)).and(first));
    let free = due.filter(broadcasts::leased_until.le(now));
    Ok(free.order(broadcasts::due_at).limit(most).select(Due::as_select()).load(conn)?)
}

/// What is about to be handed over.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub mine: LeaseId,
    pub until: Timestamp,
    /// The last of the devices, and how many they are.
    pub after_id: DeviceId,
    pub devices: i64,
    /// When the next ones are due.
    pub due_at: Timestamp,
}

/// Leases a broadcast, and moves on to behind the devices that are about to be handed over. False: somebody else was
/// faster, or it is over; then nothing may be handed over.
pub(super) fn take(conn: &mut Conn, seen: &Seen, step: &Step, now: Timestamp) -> Result<bool, Fault> {
    // One statement: who waits for the row while a rival takes it finds that it is no longer as it was.
    let as_seen = broadcasts::table
        .find(seen.id)
        .filter(broadcasts::ended_at.is_null().and(broadcasts::leased_until.le(now)))
        .filter(broadcasts::begun.eq(seen.begun).and(broadcasts::due_at.eq(seen.due_at)));
    let taken = diesel::update(as_seen)
        .set((
            broadcasts::state.eq(BroadcastState::Running),
            broadcasts::started_at.eq(seen.started_at.unwrap_or(now)),
            broadcasts::lease.eq(step.mine),
            broadcasts::leased_until.eq(step.until),
            broadcasts::after_id.eq(step.after_id),
            broadcasts::begun.eq(seen.begun + step.devices),
            broadcasts::due_at.eq(step.due_at),
        ))
        .execute(conn)?;
    Ok(taken == 1)
}

/// Ends a broadcast that nobody works on, and erases what it says. False: it is no longer as it was seen.
pub(super) fn end(conn: &mut Conn, seen: &Seen, state: BroadcastState, why: Option<&str>, now: Timestamp) -> Result<bool, Fault> {
    let as_seen = broadcasts::table
        .find(seen.id)
        .filter(broadcasts::ended_at.is_null().and(broadcasts::leased_until.le(now)))
        .filter(broadcasts::begun.eq(seen.begun).and(broadcasts::due_at.eq(seen.due_at)));
    let ended = diesel::update(as_seen)
        .set((
            broadcasts::state.eq(state),
            broadcasts::started_at.eq(seen.started_at.unwrap_or(now)),
            broadcasts::ended_at.eq(now),
            broadcasts::why.eq(why),
            broadcasts::body_sealed.eq(None::<Vec<u8>>),
        ))
        .execute(conn)?;
    Ok(ended == 1)
}

/// What became of devices that were handed over.
#[derive(Clone)]
pub(super) struct Settled {
    pub sent: i64,
    pub refused: i64,
    /// How many were not reached, and the device behind which it goes on.
    pub unreached: i64,
    pub after_id: Option<DeviceId>,
    pub next: Next,
}

/// Notes what became of devices, gives the lease back, and says how it goes on.
pub(super) fn settle(conn: &mut Conn, id: BroadcastId, mine: LeaseId, settled: &Settled, now: Timestamp) -> Result<(), Fault> {
    let held = broadcasts::table.find(id).filter(broadcasts::lease.eq(mine));
    let given_back = (
        broadcasts::after_id.eq(settled.after_id),
        broadcasts::begun.eq(broadcasts::begun - settled.unreached),
        broadcasts::leased_until.eq(now),
    );
    let was_held = diesel::update(held).set(given_back).execute(conn)? == 1;
    // If it took longer than the lease, another node has gone on behind those that were not reached.
    let lost = if was_held { 0 } else { settled.unreached };
    diesel::update(broadcasts::table.find(id))
        .set((broadcasts::sent.eq(broadcasts::sent + settled.sent), broadcasts::refused.eq(broadcasts::refused + (settled.refused + lost))))
        .execute(conn)?;
    if !was_held {
        return Ok(());
    }
    // Somebody may have cancelled it meanwhile.
    let open = broadcasts::table.find(id).filter(broadcasts::ended_at.is_null());
    match &settled.next {
        Next::Goes => diesel::update(open).set(broadcasts::why.eq(None::<String>)).execute(conn)?,
        Next::Waits { until, why } => {
            diesel::update(open).set((broadcasts::due_at.eq(*until), broadcasts::why.eq(why.as_str()))).execute(conn)?
        }
        Next::Fails { why } => diesel::update(open)
            .set((
                broadcasts::state.eq(BroadcastState::Failed),
                broadcasts::ended_at.eq(now),
                broadcasts::why.eq(why.as_str()),
                broadcasts::body_sealed.eq(None::<Vec<u8>>),
            ))
            .execute(conn)?,
    };
    Ok(())
}

/// Cancels a site's broadcast, whoever works on it, and erases what it says. False: it is over, or there is none.
pub(super) fn cancel(conn: &mut Conn, site: SiteId, id: BroadcastId, now: Timestamp) -> Result<bool, Fault> {
    let open = broadcasts::table.find(id).filter(broadcasts::site_id.eq(site).and(broadcasts::ended_at.is_null()));
    let cancelled = diesel::update(open)
        .set((
            broadcasts::state.eq(BroadcastState::Cancelled),
            broadcasts::ended_at.eq(now),
            broadcasts::why.eq(None::<String>),
            broadcasts::body_sealed.eq(None::<Vec<u8>>),
        ))
        .execute(conn)?;
    Ok(cancelled == 1)
}

/// Cancels all broadcasts of a site that are not over, and erases what they say.
///
/// # Errors
/// When it can't be written.
pub fn cancel_all(conn: &mut Conn, site: SiteId, now: Timestamp) -> Result<(), Fault> {
    let open = broadcasts::table.filter(broadcasts::site_id.eq(site).and(broadcasts::ended_at.is_null()));
    let open: Vec<BroadcastId> = open.select(broadcasts::id).load(conn)?;
    for id in open {
        cancel(conn, site, id, now)?;
    }
    Ok(())
}

/// A site's broadcast.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, site: SiteId, id: BroadcastId) -> Result<Option<Broadcast>, Fault> {
    let of_site = broadcasts::table.find(id).filter(broadcasts::site_id.eq(site));
    Ok(of_site.select(Broadcast::as_select()).first(conn).optional()?)
}

/// The broadcasts of a site, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn page(conn: &mut Conn, site: SiteId, before: Option<BroadcastId>, most: i64) -> Result<Vec<Broadcast>, Fault> {
    let of_site = broadcasts::table.filter(broadcasts::site_id.eq(site));
    let mut query = of_site.order(broadcasts::id.desc()).limit(most).select(Broadcast::as_select()).into_boxed();
    if let Some(before) = before {
        query = query.filter(broadcasts::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Deletes broadcasts that have been over for more than 90 days. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
    Ok(diesel::delete(broadcasts::table.filter(broadcasts::ended_at.lt(now - KEPT))).execute(conn)?)
}
