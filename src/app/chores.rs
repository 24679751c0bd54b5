//! Which jobs this hub has, and how often each runs. What a job does is its room's.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use actix_web::web::Data;
use futures_util::future::LocalBoxFuture;

use super::take_up;
use crate::abuse;
use crate::accounts;
use crate::broadcasts;
use crate::clock::Timestamp;
use crate::db::{ChangeLog, Changes, Fault, Tx};
use crate::devices::{self, Due};
use crate::error::Error;
use crate::gateways::Connections;
use crate::hub::Hub;
use crate::idempotency;
use crate::jobs::{self, Jobs};
use crate::keys;
use crate::privacy::{self, Kept};
use crate::registrations;
use crate::sites::{self, SiteError};

/// How many accounts that nobody has confirmed are forgotten at once.
const FORGOTTEN_AT_ONCE: i64 = 200;
/// How many accounts one turn of the job erases at most.
const ERASED_AT_ONCE: i64 = 20;
/// How many keys' uses are written in one transaction: revocations wait behind it.
const USES_A_WRITE: usize = 500;
/// How many devices are deleted in one transaction: enrolments wait behind it.
const PURGED_AT_ONCE: i64 = 500;

/// How many counts of what is out of the ordinary are deleted in one transaction.
const COUNTS_AT_ONCE: i64 = 5_000;

/// A job that one node does for all.
pub struct Chore {
    pub name: &'static str,
    pub every: Duration,
    run: fn(Data<Hub>) -> LocalBoxFuture<'static, Result<(), Error>>,
}

/// How often the log of changes is looked at when nobody tells of one.
const LOOK: Duration = Duration::from_millis(500);
/// How soon it is looked at again at the earliest.
const MOMENT: Duration = Duration::from_millis(20);
/// How often it is looked whether the team has changed a setting on another node.
const SETTINGS: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Every job of all nodes.
pub const CHORES: &[Chore] = &[
    Chore { name: "devices", every: HOUR, run: |hub| Box::pin(purge_devices(hub)) },
    Chore { name: "keys", every: MINUTE.saturating_mul(10), run: |hub| Box::pin(remind_of_keys(hub)) },
    Chore { name: "user limit", every: MINUTE.saturating_mul(10), run: |hub| Box::pin(end_grace(hub)) },
    Chore { name: "abuse", every: MINUTE, run: |hub| Box::pin(watch(hub)) },
    Chore { name: "retention", every: HOUR, run: |hub| Box::pin(keep_no_longer(hub)) },
    Chore { name: "erasure", every: MINUTE, run: |hub| Box::pin(erase(hub)) },
    Chore { name: "tidying", every: HOUR, run: |hub| Box::pin(tidy(hub)) },
];

/// Runs a job of all nodes if it is due and no other node has it. `true`: it ran.
///
/// # Errors
/// When the database does not answer.
pub async fn run_if_due(hub: &Data<Hub>, chore: &Chore) -> Result<bool, Fault> {
    let mut job = || (chore.run)(hub.clone());
    jobs::run_if_due(&hub.db, &hub.clock, chore.name, chore.every, &mut job).await
}

/// Starts every job.
pub(super) fn start(hub: &Data<Hub>, connections: Data<Connections>) -> Jobs {
    let mut jobs = Jobs::new(hub.clock.clone(), hub.board.clone());
    let h = hub.clone();
    let notices = hub.notices.clone();
    let pause = move || {
        let notices = notices.clone();
        async move {
            // Others may have much to tell: what they say in a moment is looked at together.
            tokio::time::sleep(MOMENT).await;
            tokio::time::timeout(LOOK - MOMENT, notices.heard()).await.unwrap_or_default();
        }
    };
    jobs.on_each_node_after("changes", LOOK, pause, move || follow(h.clone()));
    let h = hub.clone();
    jobs.on_each_node("settings", SETTINGS, move || {
        let h = h.clone();
        async move { h.follow_settings().await }
    });
    let h = hub.clone();
    jobs.on_each_node("outbox", Duration::from_millis(500), move || {
        let h = h.clone();
        async move { h.outbox.turn().await.map(|_| ()) }
    });
    let h = hub.clone();
    jobs.on_each_node("counts", Duration::from_secs(5), move || {
        let h = h.clone();
        async move { h.counts.flush(&h.db).await.and(h.hall.seen.flush(&h.db).await) }
    });
    let h = hub.clone();
    jobs.on_each_node("key use", MINUTE, move || {
        let h = h.clone();
        async move { note_key_use(&h).await }
    });
    let (h, tally) = (hub.clone(), hub.counts.worker());
    jobs.on_each_node("broadcasts", Duration::from_millis(200), move || {
        let (h, connections, tally) = (h.clone(), connections.clone(), tally.clone());
        async move { broadcasts::turn(&h.hall, &connections, &tally, h.limits().broadcast_per_second).await.map(|_| ()) }
    });
    for chore in CHORES {
        let h = hub.clone();
        jobs.on_one_node(&hub.db, chore.name, chore.every, move || (chore.run)(h.clone()));
    }
    jobs
}

/// Takes up what other nodes and the command line have changed. What fails is told again by the next look.
async fn follow(hub: Data<Hub>) -> Result<(), Fault> {
    let (table, lookup, log, now) = (hub.hall.table.clone(), hub.hall.lookup.clone(), hub.changes.clone(), hub.clock.now());
    let read = hub.db.read(move |conn| {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let news = log.look(conn, now)?;
        match &news.changes {
            Changes::These(changes) if changes.is_empty() => {}
            Changes::These(changes) => take_up(&table, &lookup, conn, changes)?,
            Changes::Everything => {
                table.load(conn, now)?;
                lookup.forget_all();
            }
        }
        log.take_up(news);
        Ok(())
    });
    read.await
}

/// Writes how keys were used: once a minute and at the end, not with each push.
pub(super) async fn note_key_use(hub: &Hub) -> Result<(), Fault> {
    let mut used = hub.hall.table.take_uses();
    // In one order on every node, so that two that write at once can't wait for each other.
    used.sort_by_key(|one| one.key);
    let mut parts = used.chunks(USES_A_WRITE);
    while let Some(part) = parts.next() {
        let written = part.to_vec();
        if let Err(fault) = hub.db.write(move |tx| keys::note_use(tx.conn(), &written)).await {
            hub.hall.table.give_back(part);
            parts.for_each(|part| hub.hall.table.give_back(part));
            return Err(fault);
        }
    }
    Ok(())
}

async fn purge_devices(hub: Data<Hub>) -> Result<(), Error> {
    let now = hub.clock.now();
    let kept = hub.devices();
    let stale = Some(kept.stale_after).filter(|after| !after.is_zero()).map(|after| Due::Stale(now - after));
    let dues = [Due::Unconfirmed(now - kept.confirm_within), Due::Unregistered(now - devices::UNREGISTERED_KEPT)];
    for due in dues.into_iter().chain(stale) {
        loop {
            let purged = hub.db.write(move |tx| devices::purge(tx, now, due, PURGED_AT_ONCE)).await?;
            if i64::try_from(purged).unwrap_or(0) < PURGED_AT_ONCE {
                break;
            }
        }
    }
    Ok(())
}

async fn remind_of_keys(hub: Data<Hub>) -> Result<(), Error> {
    // What was used in the last minute counts.
    note_key_use(&hub).await?;
    let (shared, now) = (hub.clone(), hub.clock.now());
    let told = hub.db.write(move |tx| {
        keys::remind_of_ends(tx, &shared.desk, now)?;
        keys::remind_of_age(tx, &shared.desk, now, shared.remind_keys_after())
    });
    told.await.map(|_| ()).map_err(Error::from)
}

async fn end_grace(hub: Data<Hub>) -> Result<(), Error> {
    let (shared, now) = (hub.clone(), hub.clock.now());
    let ended = hub.db.write(move |tx| sites::end_grace(tx, &shared.desk, now, shared.limits().max_site_users));
    ended.await?;
    // What was changed in the file, or on a node that ended before it was done.
    hub.apply_user_limit(hub.limits().max_site_users).await
}

/// Looks for abuse in what all nodes have counted: each writes its own every few seconds, and from where keys were used once
/// a minute.
async fn watch(hub: Data<Hub>) -> Result<(), Error> {
    let (db, desk, contact, settings) = (hub.db.clone(), hub.desk.clone(), hub.contact.clone(), hub.abuse());
    let watch = Arc::new(abuse::Watch { db, desk, contact, settings });
    let opened = abuse::turn(&watch, hub.clock.now()).await?;
    if opened > 0 {
        tracing::info!(opened, "the watch has opened cases");
    }
    Ok(())
}

/// Erases what was kept for its time.
async fn keep_no_longer(hub: Data<Hub>) -> Result<(), Error> {
    let (now, periods) = (hub.clock.now(), hub.privacy.keeps);
    for kept in Kept::ALL {
        while !hub.db.write(move |tx| privacy::step(tx, now, kept, &periods)).await? {}
    }
    loop {
        let trimmed = hub.db.write(move |tx| abuse::trim(tx, now, COUNTS_AT_ONCE)).await?;
        if i64::try_from(trimmed).unwrap_or(0) < COUNTS_AT_ONCE {
            break;
        }
    }
    Ok(())
}

/// Goes on with accounts whose owners leave: where a node died, too.
async fn erase(hub: Data<Hub>) -> Result<(), Error> {
    let now = hub.clock.now();
    for account in hub.db.read(|conn| privacy::under_way(conn, ERASED_AT_ONCE)).await? {
        let shared = hub.clone();
        let next = move |tx: &mut Tx| privacy::go_on(tx, &shared.desk, now, account);
        while !hub.db.write(next.clone()).await? {}
    }
    while hub.db.write(move |tx| privacy::forget_last_letters(tx, now)).await? > 0 {}
    Ok(())
}

async fn tidy(hub: Data<Hub>) -> Result<(), Error> {
    let now = hub.clock.now();
    hub.db.write(move |tx| trim(tx, now)).await.map_err(Error::from)
}

/// Forgets what nobody needs any more.
///
/// # Errors
/// When it can't be written.
pub fn trim(tx: &mut Tx, now: Timestamp) -> Result<(), SiteError> {
    accounts::trim(tx.conn(), now)?;
    ChangeLog::trim(tx.conn(), now)?;
    registrations::trim(tx.conn(), now)?;
    registrations::drop_unheard(tx, now)?;
    broadcasts::trim(tx.conn(), now)?;
    idempotency::trim(tx.conn(), now)?;
    for account in accounts::never_confirmed(tx.conn(), now, FORGOTTEN_AT_ONCE)? {
        if sites::forget_registered(tx, account)? {
            accounts::forget(tx, account)?;
        }
    }
    Ok(())
}
