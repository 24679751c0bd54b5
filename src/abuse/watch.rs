//! Looks at what was counted, once a minute on one node, and raises what is over its threshold. It asks the database for
//! those sites only that may be: what a busy hub's other hundred thousand sites do is added up there.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::judge::{CHARTED, COUNTED, Hour, Shared, Window, hour_before, judge};
use super::life::{self, Clerk};
use super::model::{CaseError, Finding, Raised};
use super::steps;
use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::{Conn, Db, Fault, Tx};
use crate::devices;
use crate::ids::{DeviceId, SiteId};
use crate::keys;
use crate::mail::Desk;
use crate::push::{self, SLOT, Sign};
use crate::settings;
use crate::sites::{self, SiteError};

/// How many cases one look may open: beyond that something is wrong with the hub rather than with the sites.
const MOST_NEW: usize = 200;
/// How many sites with a sign one look takes in, the worst first.
const MOST_SUSPECTS: i64 = 1_000;
/// How many brakes one look takes away.
const MOST_ENDED: i64 = 500;
/// How often keys' networks are looked at: they are counted over a day.
const NETWORKS_EVERY: Duration = Duration::from_secs(300);
/// How often the devices of sites that enrol many are counted.
const ENROLLING_EVERY: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);
/// New devices are looked at once those that were begun before them are committed.
const COMMITTED: Duration = Duration::from_secs(30);
/// How many new devices one look takes in.
const MOST_DEVICES: i64 = 20_000;
/// How many devices a site must have enrolled in an hour for its devices to be counted soon, not with the daily round.
const NOTEWORTHY: i64 = 50;
/// How many sites' devices the daily round counts in one look: it comes round a million sites.
const ROUND: i64 = 700;
/// How long counts are kept.
const ACTIVITY_KEPT: Duration = Duration::from_secs(3 * 86_400);

/// What the watch needs of the hub.
pub struct Watch {
    pub db: Db,
    pub desk: Desk,
    pub contact: Option<String>,
    pub settings: settings::Abuse,
}

impl Watch {
    fn clerk(&self) -> Clerk<'_> {
        Clerk { desk: &self.desk, contact: self.contact.as_deref(), settings: self.settings.clone() }
    }
}

/// Looks once: raises what is over its threshold, and takes away brakes whose time is over. Gives how many cases it opened.
///
/// # Errors
/// When the database does not answer, or what went wrong with one site, after all others were dealt with. What was raised stays
/// raised; the next look finds the rest.
pub async fn turn(watch: &Arc<Watch>, now: Timestamp) -> Result<usize, CaseError> {
    let held_on = end_brakes(watch, now).await?;
    let looking = watch.clone();
    let looked = watch.db.read(move |conn| look(conn, now, &looking.settings.thresholds)).await?;
    let (mut opened, mut failed) = (0, None::<CaseError>);
    for (site, findings) in looked.findings {
        if opened >= MOST_NEW {
            tracing::error!(opened, "the watch has opened as many cases as it may in one look; the others come with the next");
            return failed.or(held_on).map_or(Ok(opened), Err);
        }
        let raising = watch.clone();
        let raised = watch.db.write(move |tx| {
            let mut opened = false;
            for finding in &findings {
                opened |= matches!(life::raise(tx, &raising.clerk(), now, Actor::Hub, site, finding, None)?, Raised::Opened(_));
            }
            Ok::<_, CaseError>(opened)
        });
        match raised.await {
            Ok(true) => opened += 1,
            // It may have gone since it was counted.
            Ok(false) | Err(CaseError::Unknown) => {}
            Err(error) => failed = Some(skipped(site, error)?),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    // Last: what could not be raised is found again.
    watch.db.write(move |tx| looked.marks.iter().try_for_each(|(name, at)| store::set_mark(tx.conn(), name, *at))).await?;
    held_on.map_or(Ok(opened), Err)
}

/// What went wrong with one site is logged, and is no reason to leave out the others: it is given back, for the end. An outage
/// of the database ends the look at once.
fn skipped(site: SiteId, error: CaseError) -> Result<CaseError, CaseError> {
    if let CaseError::Fault(fault) | CaseError::Site(SiteError::Fault(fault)) = &error
        && fault.is_outage()
    {
        return Err(error);
    }
    tracing::error!(%site, %error, "the watch could not deal with a site");
    Ok(error)
}

/// Takes away brakes whose time is over. Gives what went wrong last.
async fn end_brakes(watch: &Watch, now: Timestamp) -> Result<Option<CaseError>, CaseError> {
    let mut failed = None;
    for (site, _) in watch.db.read(move |conn| sites::ended_brakes(conn, now, MOST_ENDED)).await? {
        if let Err(error) = watch.db.write(move |tx| steps::end_limit(tx, now, site)).await {
            failed = Some(skipped(site, error)?);
        }
    }
    Ok(failed)
}

/// What a look has found, and how far it has read.
struct Looked {
    findings: Vec<(SiteId, Vec<Finding>)>,
    marks: Vec<(&'static str, Timestamp)>,
}

fn look(conn: &mut Conn, now: Timestamp, set: &settings::Thresholds) -> Result<Looked, Fault> {
    let mut windows: BTreeMap<SiteId, Window> = BTreeMap::new();
    let mut marks = Vec::new();
    signs(conn, now, set, &mut windows)?;
    if set.key_networks > 0 && is_due(conn, "networks", now, NETWORKS_EVERY)? {
        let least = i64::try_from(set.key_networks).unwrap_or(i64::MAX);
        for (site, networks) in keys::used_from_many(conn, now - DAY, least, MOST_SUSPECTS)? {
            let known = &mut windows.entry(site).or_default().networks;
            if networks.len() > known.len() {
                *known = networks;
            }
        }
        marks.push(("networks", now));
    }
    if set.shared_token_sites > 0 {
        marks.push(("devices", shared_tokens(conn, now, set, &mut windows)?));
    }
    if set.devices_per_user > 0 {
        let enrolling = if is_due(conn, "enrolling", now, ENROLLING_EVERY)? {
            marks.push(("enrolling", now));
            enrolling(conn, now)?
        } else {
            Vec::new()
        };
        marks.push(("round", too_many_devices(conn, set, enrolling, &mut windows)?));
    }
    let ids: Vec<SiteId> = windows.keys().copied().collect();
    for (site, users) in sites::users_of(conn, &ids)? {
        windows.entry(site).or_default().users = users;
    }
    let findings = windows.iter().map(|(site, window)| (*site, judge(now, window, set)));
    Ok(Looked { findings: findings.filter(|(_, found)| !found.is_empty()).collect(), marks })
}

fn is_due(conn: &mut Conn, mark: &str, now: Timestamp, every: Duration) -> Result<bool, Fault> {
    Ok(store::mark(conn, mark)?.is_none_or(|last| now.since(last) >= every))
}

/// The steps of the last hour: a query that names them finds each at its place in the index.
fn hour_of(now: Timestamp) -> [Timestamp; 6] {
    let first = hour_before(now);
    [0, 1, 2, 3, 4, 5].map(|n| first + SLOT * n)
}

/// The signs of sites that may have too many of one: thresholds only grow with a site's users.
fn signs(conn: &mut Conn, now: Timestamp, set: &settings::Thresholds, windows: &mut BTreeMap<SiteId, Window>) -> Result<(), Fault> {
    let counted = COUNTED.into_iter().filter_map(|(sign, signal)| Some((sign, super::row(signal).threshold(set, 0)?)));
    let gone = (set.unregistered_share > 0).then_some((Sign::Unregistered, set.unregistered_least));
    let slots = hour_of(now);
    let mut suspects = Vec::new();
    for (sign, least) in counted.chain(gone) {
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        suspects.extend(store::with_at_least(conn, sign, &slots, least, MOST_SUSPECTS)?.into_iter().map(|(site, _)| site));
    }
    suspects.sort_unstable();
    suspects.dedup();
    for (site, slot, sign, amount) in store::activity_of(conn, &suspects, now - CHARTED)? {
        windows.entry(site).or_default().signs.push((sign, slot, amount));
    }
    for (site, hour, pushes, gone) in push::gone_by_hour(conn, &suspects, now.hour() - Duration::from_secs(3_600))? {
        let hours = &mut windows.entry(site).or_default().hours;
        hours[usize::from(hour >= now.hour())] = Hour { pushes, gone };
    }
    Ok(())
}

/// The sites that have enrolled a token of very many others since the last look. Gives how far it has read.
fn shared_tokens(
    conn: &mut Conn,
    now: Timestamp,
    set: &settings::Thresholds,
    windows: &mut BTreeMap<SiteId, Window>,
) -> Result<Timestamp, Fault> {
    let least = i64::try_from(set.shared_token_sites).unwrap_or(i64::MAX);
    // Looked at for the first time, the hub has its devices already: what is new from now on counts.
    // And a hub that has stood still does not look at all that was enrolled meanwhile.
    let since = store::mark(conn, "devices")?.map_or(now - DAY, |mark| mark.max(now - DAY));
    let until = now - COMMITTED;
    let new = devices::enrolled_between(conn, DeviceId::first_at(since), DeviceId::first_at(until), MOST_DEVICES)?;
    let read_to = if new.len() < usize::try_from(MOST_DEVICES).unwrap_or(0) { until } else { new.last().map_or(until, |d| d.created_at) };
    for shared in devices::at_many_sites(conn, &new, least)? {
        let known = &mut windows.entry(shared.site).or_default().shared;
        if known.as_ref().is_none_or(|known| known.sites < shared.sites) {
            *known = Some(Shared { sites: shared.sites, hint: shared.hint });
        }
    }
    Ok(read_to.max(since))
}

/// The sites that have enrolled many devices in the last hour.
fn enrolling(conn: &mut Conn, now: Timestamp) -> Result<Vec<SiteId>, Fault> {
    let mut many = Vec::new();
    for sign in [Sign::Enrolled, Sign::EnrolledByPush] {
        let found = store::with_at_least(conn, sign, &hour_of(now), NOTEWORTHY, MOST_SUSPECTS)?;
        many.extend(found.into_iter().map(|(site, _)| site));
    }
    Ok(many)
}

/// The sites that have more devices than their people can have: of these, and of the next few on a round that comes to every
/// site once a day. Gives how far the round is.
fn too_many_devices(
    conn: &mut Conn,
    set: &settings::Thresholds,
    mut looked_at: Vec<SiteId>,
    windows: &mut BTreeMap<SiteId, Window>,
) -> Result<Timestamp, Fault> {
    let beginning = Timestamp::from_micros(0);
    let from = store::mark(conn, "round")?.unwrap_or(beginning);
    let round = sites::ids_after(conn, SiteId::first_at(from), ROUND)?;
    // Sites made in the same millisecond come twice rather than never.
    let next = match round.last() {
        Some(last) if round.len() >= usize::try_from(ROUND).unwrap_or(0) => last.made_at().max(from + Duration::from_millis(1)),
        _ => beginning,
    };
    looked_at.extend(round);
    looked_at.sort_unstable();
    looked_at.dedup();
    for (site, users) in sites::users_of(conn, &looked_at)? {
        let most = super::row(super::Signal::BeyondUsers).threshold(set, users);
        let most = most.map_or(i64::MAX, |most| i64::try_from(most).unwrap_or(i64::MAX));
        if devices::has_more_than(conn, site, most)? {
            windows.entry(site).or_default().devices = Some(devices::count(conn, site)?);
        }
    }
    Ok(next)
}

/// Forgets old counts, the oldest first and at most `most` of them. Gives how many there were.
///
/// # Errors
/// When it can't be written.
pub fn trim(tx: &mut Tx, now: Timestamp, most: i64) -> Result<usize, Fault> {
    store::delete_activity(tx.conn(), now - ACTIVITY_KEPT, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_this_step_and_the_five_before() {
        let now: Timestamp = "2026-01-31T12:34:56Z".parse().unwrap();
        let hour = hour_of(now);
        assert_eq!((hour[0], hour[5]), (hour_before(now), Sign::slot(now)));
    }
}
