//! The job that sends broadcasts: on each node, all nodes sharing the work.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::model::{Outcome, due_after, together};
use super::store::{self, Due, Settled, Step};
use super::{Broadcast, BroadcastState};
use crate::clock::Timestamp;
use crate::db::Fault;
use crate::devices;
use crate::gateways::Connections;
use crate::gateways::decode::decode_mailing;
use crate::ids::LeaseId;
use crate::keys::SiteCell;
use crate::push::{self, Hall, Mailing, Tally};
use crate::sites::PushOff;

/// How long handing over a few devices may take: a node that dies leaves its broadcasts to others after this.
const LEASE: Duration = Duration::from_secs(30);
/// How many broadcasts are looked at in one round.
const AT_ONCE: i64 = 40;
/// How many broadcasts are worked on at the same moment: what sites push by themselves needs the gateway too.
const LANES: usize = 4;
/// How many rounds a turn has at most.
const ROUNDS: usize = 10;
/// After how long a turn begins nothing more, so that a hub that stops need not wait.
const TURN: Duration = Duration::from_secs(2);
/// The longest that a broadcast may go on: what is older is no news.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// One turn: of each broadcast that is due, the longest due first, hands over the few devices that its pace of `pace` a second
/// allows. Gives how many devices were handed over.
///
/// # Errors
/// When the database does not answer. A push that is refused is no error: it is noted with the broadcast.
pub async fn turn(hall: &Hall, connections: &Connections, tally: &Tally, pace: NonZeroU32) -> Result<usize, Fault> {
    let worker = Worker { hall, connections, tally, pace };
    let (started, mut handed_over) = (Instant::now(), 0);
    for _ in 0..ROUNDS {
        let now = hall.clock.now();
        let due = hall.db.read(move |conn| store::due(conn, now, AT_ONCE)).await?;
        let before = handed_over;
        for some in due.chunks(LANES) {
            if started.elapsed() > TURN {
                return Ok(handed_over);
            }
            for done in join_all(some.iter().map(|due| worker.go_on(due))).await {
                handed_over += done?;
            }
        }
        if handed_over == before {
            break;
        }
    }
    Ok(handed_over)
}

struct Worker<'a> {
    hall: &'a Hall,
    connections: &'a Connections,
    tally: &'a Tally,
    pace: NonZeroU32,
}

impl Worker<'_> {
    /// Goes on with one broadcast. Gives how many devices were handed over.
    async fn go_on(&self, due: &Due) -> Result<usize, Fault> {
        let (hall, broadcast, now) = (self.hall, &due.broadcast, self.hall.clock.now());
        if let Some(why) = stale(self.hall, broadcast, now) {
            return self.end(due, BroadcastState::Failed, Some(why)).await;
        }
        let (table, id) = (hall.table.clone(), broadcast.site_id);
        let Some(site) = hall.db.read(move |conn| table.site_or_read(conn, id)).await? else {
            return self.end(due, BroadcastState::Failed, Some("The site is not there any more.")).await;
        };
        if let Some(why) = push_off(&site) {
            return self.end(due, BroadcastState::Failed, Some(why)).await;
        }
        // No faster than the site may push by itself.
        let pace = site.figures(now).push_per_second.min(self.pace);
        let said = due.body_sealed.as_deref().and_then(|sealed| hall.ring.open(sealed));
        let Some(Ok(body)) = said.as_deref().map(decode_mailing) else {
            return self.end(due, BroadcastState::Failed, Some("What is to be said can't be read any more.")).await;
        };
        let (id, filter, after, most) = (broadcast.site_id, broadcast.devices(), due.after_id, i64::from(together(pace)));
        let devices = hall.db.read(move |conn| devices::sealed_after(conn, id, &filter, after, most)).await?;
        let Some(last) = devices.last() else { return self.end(due, BroadcastState::Done, None).await };
        let step = Step {
            mine: LeaseId::new(now),
            until: now + LEASE,
            after_id: last.device.id,
            devices: number(devices.len()),
            due_at: due_after(due.due_at, now, devices.len(), pace),
        };
        let seen = due.seen();
        if !hall.db.write(move |tx| store::take(tx.conn(), &seen, &step, now)).await? {
            return Ok(0);
        }
        // From here on these devices are not handed over again, whatever happens.
        let mailing = Mailing { site: &site, app: &broadcast.app, body: &body };
        let pushes = devices.iter().map(|to| push::push_to(hall, self.connections, self.tally, &mailing, to));
        let refusals: Vec<_> = join_all(pushes).await.into_iter().map(|done| done.err().map(|refusal| refusal.kind)).collect();
        let outcome = Outcome::of(&refusals);
        let reached = devices.len() - outcome.unreached;
        let settled = Settled {
            sent: number(outcome.sent),
            refused: number(outcome.refused),
            unreached: number(outcome.unreached),
            after_id: reached.checked_sub(1).and_then(|last| devices.get(last)).map_or(due.after_id, |to| Some(to.device.id)),
            next: outcome.next(broadcast.why.as_deref(), now),
        };
        let ended_at = hall.clock.now();
        hall.db.write(move |tx| store::settle(tx.conn(), seen.id, step.mine, &settled, ended_at)).await?;
        Ok(reached)
    }

    async fn end(&self, due: &Due, state: BroadcastState, why: Option<&'static str>) -> Result<usize, Fault> {
        let (seen, now) = (due.seen(), self.hall.clock.now());
        if self.hall.db.write(move |tx| store::end(tx.conn(), &seen, state, why, now)).await? {
            let Broadcast { id, site_id, sent, refused, .. } = &due.broadcast;
            tracing::info!(broadcast.id = %id, site.id = %site_id, state = state.as_str(), sent, refused, "a broadcast is over");
        }
        Ok(0)
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Why a broadcast can't go on, whatever its site may do.
fn stale(hall: &Hall, broadcast: &Broadcast, now: Timestamp) -> Option<&'static str> {
    if now.since(broadcast.created_at) > LONGEST {
        return Some("It was not over within 7 days.");
    }
    let is_served = hall.apps.contains_key(&broadcast.app);
    (!is_served).then_some("No app of this name is served here any more.")
}

/// Why a site may not push any more.
fn push_off(site: &SiteCell) -> Option<&'static str> {
    Some(match site.state().push_off? {
        PushOff::Suspended => "The site was suspended.",
        PushOff::OverUserLimit => "The site has too many users for this push server.",
        PushOff::Unverified => "The site is not verified.",
        PushOff::OptedOut | PushOff::Staff => "Push was switched off for the site.",
    })
}
