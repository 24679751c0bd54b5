//! Sites that register by Moodle's own protocol, and what becomes of those that are held beside another one.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::SiteUrl;
use super::life::{keep, tell};
use super::model::{Beside, Country, Description, Language, NewClaim, NewSite, Privacy, Said, Site, SiteError, SiteName, SiteState, Users};
use super::store;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::ids::SiteId;
use crate::mail::{Decided, Desk};
use crate::secret;

/// Registers a site for its Moodle: claimed, no more, since the round trip proves nothing.
///
/// # Errors
/// When it can't be written.
pub fn claim(tx: &mut Tx, now: Timestamp, new: &NewClaim) -> Result<SiteId, SiteError> {
    tx.alone()?;
    let id = SiteId::new(now);
    let host = new.url.as_url().host_str().unwrap_or_default().to_owned();
    let bare = NewSite {
        name: SiteName(host),
        url: new.url.clone(),
        description: Description(String::new()),
        country: Country(String::new()),
        language: Language("en".to_owned()),
        users: Users(0),
        privacy: Privacy::NotDisplayed,
        push_wanted: new.push_wanted,
        email_alerts: false,
    };
    store::insert(tx.conn(), id, new.account, &bare, SiteState::Claimed, secret::random_text().expose_secret(), now)?;
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?.told(&new.said, now);
    let held_beside = if let Some(Beside::Secret(other)) = new.held { Some(other) } else { None };
    keep(tx, now, &Site { held_since: new.held.map(|_| now), held_beside, ..site })?;
    audit::note(tx, now, Actor::Hub, Event::SiteClaimed, id, None)?;
    if new.held.is_some() {
        audit::note(tx, now, Actor::Hub, Event::SiteHeld, id, None)?;
    }
    Ok(id)
}

/// Takes up what a site's Moodle says of it. `called`: its own server said so, with its token.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn take_up(tx: &mut Tx, now: Timestamp, id: SiteId, said: &Said, called: bool) -> Result<Site, SiteError> {
    tx.alone()?;
    let before = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let after = before.told(said, now);
    if after.url != before.url {
        let (why, change) = (format!("{} is {} now", before.url, after.url), audit::Change::of("url", &*before.url, &*after.url));
        audit::note_change(tx, now, Actor::Hub, Event::SiteMoved, id, Some(&why), change)?;
    }
    keep(tx, now, &Site { called_at: if called { Some(now) } else { before.called_at }, ..after })?;
    store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)
}

/// A site that has left while it was suspended registers again: it is suspended as before.
///
/// # Errors
/// [`SiteError::NotFrom`] for one that has left otherwise, or not at all.
pub fn come_back(tx: &mut Tx, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    tx.alone()?;
    if !site.left_suspended() {
        return Err(SiteError::NotFrom(site.state));
    }
    keep(tx, now, &Site { state: SiteState::Suspended, ..site.clone() })?;
    Ok(audit::note(tx, now, Actor::Hub, Event::SiteClaimed, site.id, Some("came back, and is suspended as before"))?)
}

/// Gives a site that nobody owns to an account. What that account has registered at the same address by the form, and
/// not proved, is one with it: that one leaves.
///
/// # Errors
/// When it can't be written.
pub fn adopt(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId) -> Result<bool, SiteError> {
    tx.alone()?;
    let Some(account) = by.account() else { return Ok(false) };
    let Some(site) = store::find(tx.conn(), id)?.filter(|site| site.account_id.is_none()) else { return Ok(false) };
    if site.state == SiteState::Unregistered {
        return Ok(false);
    }
    for other in store::at_address(tx.conn(), &site.site_url()?)? {
        if other.account_id == Some(account) && other.state == SiteState::Unverified {
            super::life::leave(tx, desk, now, Actor::Hub, &other, Some("its Moodle has registered the same address"))?;
        }
    }
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    keep(tx, now, &Site { account_id: Some(account), ..site })?;
    audit::note(tx, now, by, Event::SiteAdopted, id, None)?;
    Ok(true)
}

/// Notes that a site's contact was mailed the link to an account.
///
/// # Errors
/// When it can't be written.
pub fn note_told(tx: &mut Tx, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    keep(tx, now, &Site { contact_told_at: Some(now), ..site.clone() })
}

/// Erases whom the Moodles of sites have named that left before a moment, of `most` sites at once; their figures stay. Gives
/// which sites they were.
///
/// # Errors
/// When it can't be written.
pub fn erase_contacts(tx: &mut Tx, before: Timestamp, most: i64) -> Result<Vec<SiteId>, SiteError> {
    Ok(store::erase_contacts(tx.conn(), before, most)?)
}

/// Opens or shuts the time in which a site is joined with the first Moodle that names its address.
///
/// # Errors
/// When it can't be written.
pub fn set_pairing(tx: &mut Tx, now: Timestamp, by: Actor, site: &Site, until: Option<Timestamp>) -> Result<(), SiteError> {
    tx.alone()?;
    keep(tx, now, &Site { pairing_until: until, ..site.clone() })?;
    if until.is_some() {
        audit::note(tx, now, by, Event::PairingOpened, site.id, None)?;
    }
    Ok(())
}

/// What is decided about a held newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is the registered site: reinstalled, or moved to another address.
    Move,
    /// It is a copy, and a site of its own.
    Separate,
    /// It is turned away.
    Refuse,
}

/// It is decided that `newcomer` is `site`: that one keeps its keys, devices and history, and has the newcomer's address.
/// The newcomer is no site of its own any more. The caller gives its registrations to `site`.
///
/// # Errors
/// [`SiteError::NotFrom`] when the newcomer does not wait for a decision, or somebody else has the address by proof.
pub fn join(
    tx: &mut Tx,
    desk: &Desk,
    now: Timestamp,
    by: Actor,
    site: &Site,
    newcomer: &Site,
    why: Option<&Reason>,
) -> Result<(), SiteError> {
    tx.alone()?;
    if newcomer.held_since.is_none() {
        return Err(SiteError::NotFrom(newcomer.state));
    }
    // It can't move to where another one stands.
    let moves = site.url_key != newcomer.url_key;
    if moves && store::stands_at(tx.conn(), &newcomer.url_key, newcomer.id)? {
        return Err(SiteError::Taken);
    }
    super::life::leave(tx, desk, now, by, newcomer, Some("it is another registered site"))?;
    keep(tx, now, &site.moved_to(newcomer))?;
    let change = audit::Change::of("url", &*site.url, &*newcomer.url);
    let reason = why.map_or_else(|| format!("{} is {} now", site.url, newcomer.url), |why| why.as_str().to_owned());
    audit::note_change(tx, now, by, Event::SiteMoved, site.id, Some(&reason), change)?;
    tell_newcomer(tx, desk, now, newcomer, "moved")
}

/// It is decided that a copy is a site of its own.
///
/// # Errors
/// [`SiteError::NotFrom`] when it is no copy that waits for a decision.
pub fn separate(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, newcomer: &Site, why: Option<&Reason>) -> Result<(), SiteError> {
    tx.alone()?;
    set_free(tx, now, newcomer)?;
    audit::note(tx, now, by, Event::SiteSeparated, newcomer.id, why.map(Reason::as_str))?;
    tell_newcomer(tx, desk, now, newcomer, "separate")
}

/// A copy is a site of its own from now on; where another one stands it is held beside that one.
pub(super) fn set_free(tx: &mut Tx, now: Timestamp, copy: &Site) -> Result<(), SiteError> {
    let free = copy.separated()?;
    let taken = store::stands_at(tx.conn(), &free.url_key, free.id)?;
    keep(tx, now, &if taken { free.held(now) } else { free })
}

/// How many newcomers are held at one address whose server was never heard of.
const MOST_UNHEARD: usize = 10;

/// Takes the oldest newcomers off an address that were never heard of, when too many wait there: anybody can be one.
///
/// # Errors
/// When it can't be written.
pub fn drop_crowd(tx: &mut Tx, now: Timestamp, url: &SiteUrl) -> Result<Vec<SiteId>, SiteError> {
    let crowd: Vec<Site> = store::unheard_at(tx.conn(), url.key())?.into_iter().skip(MOST_UNHEARD).collect();
    drop_all(tx, now, crowd)
}

/// How long a claim stays whose server was never heard of and that nobody owns.
const UNHEARD_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Takes claims off the hub that nothing came of.
///
/// # Errors
/// When it can't be written.
pub fn drop_unheard(tx: &mut Tx, now: Timestamp) -> Result<Vec<SiteId>, SiteError> {
    let unheard = store::unheard(tx.conn(), now - UNHEARD_KEPT, 200)?;
    drop_all(tx, now, unheard)
}

fn drop_all(tx: &mut Tx, now: Timestamp, sites: Vec<Site>) -> Result<Vec<SiteId>, SiteError> {
    for site in &sites {
        keep(tx, now, &site.unregistered()?)?;
        audit::note(tx, now, Actor::Hub, Event::SiteUnregistered, site.id, Some("its server was never heard of"))?;
    }
    Ok(sites.into_iter().map(|site| site.id).collect())
}

/// A held newcomer is turned away: it stays held, and nobody is asked again.
///
/// # Errors
/// [`SiteError::NotFrom`] when it is not held.
pub fn refuse(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, newcomer: &Site, why: Option<&Reason>) -> Result<(), SiteError> {
    tx.alone()?;
    keep(tx, now, &newcomer.refused(now)?)?;
    audit::note(tx, now, by, Event::SiteRefused, newcomer.id, why.map(Reason::as_str))?;
    tell_newcomer(tx, desk, now, newcomer, "refused")
}

fn tell_newcomer(tx: &mut Tx, desk: &Desk, now: Timestamp, newcomer: &Site, outcome: &str) -> Result<(), SiteError> {
    let link = desk.link(if newcomer.account_id.is_some() { "/my/sites" } else { "/" });
    tell(tx, now, newcomer, |name| {
        let (site_name, site_url) = (newcomer.name.clone(), newcomer.url.clone());
        Box::new(Decided { hub: desk.hub(), name, site_name, site_url, outcome: outcome.to_owned(), link })
    })
}
