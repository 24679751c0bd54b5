//! What happens to a site. Each act runs in its caller's transaction.

use secrecy::ExposeSecret;

use super::model::{ProofKind, PushOff, Site, SiteChange, SiteError, SiteState};
use super::{NewSite, store};
use crate::accounts;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Change, Tx};
use crate::ids::{AccountId, SiteId};
use crate::mail::{self, Desk, Letter, Lifted, PushOff as PushOffLetter, PushOn, Recipient, Suspended, UrlContested, Verified};
use crate::secret;

/// Registers a site for an account whose mail address is not confirmed yet.
///
/// # Errors
/// [`SiteError::Again`] when the account has a site at this address.
pub fn register(tx: &mut Tx, now: Timestamp, account: AccountId, new: &NewSite) -> Result<SiteId, SiteError> {
    insert(tx, now, account, new, SiteState::Registered)
}

/// Adds a site to the account of somebody who is logged in: the address is confirmed already.
///
/// # Errors
/// [`SiteError::Again`] when the account has a site at this address.
pub fn add(tx: &mut Tx, now: Timestamp, account: AccountId, new: &NewSite) -> Result<SiteId, SiteError> {
    insert(tx, now, account, new, SiteState::Unverified)
}

fn insert(tx: &mut Tx, now: Timestamp, account: AccountId, new: &NewSite, state: SiteState) -> Result<SiteId, SiteError> {
    if let Some(known) = store::of_account_at(tx.conn(), account, new.url.key())? {
        return Err(SiteError::Again(known));
    }
    let id = SiteId::new(now);
    store::insert(tx.conn(), id, account, new, state, secret::random_text().expose_secret(), now)?;
    audit::note(tx, now, Actor::Account(account), Event::SiteRegistered, id, None)?;
    Ok(id)
}

/// The mail address of a site's account was confirmed. A site that is further already stays where it is.
///
/// # Errors
/// [`SiteError::Unknown`] when there is none.
pub fn confirm_mail(tx: &mut Tx, now: Timestamp, id: SiteId) -> Result<(), SiteError> {
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    match site.confirmed() {
        Ok(confirmed) => keep(tx, now, &confirmed),
        Err(SiteError::NotFrom(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// What a proof led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    Active,
    /// Another registration of the same address is active: staff decide, and its contact is told.
    Held,
}

/// Ownership of a site's address was proved, or staff vouch for it with a reason.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is suspended, gone, or whose mail address is not confirmed.
pub fn prove(
    tx: &mut Tx,
    desk: &Desk,
    now: Timestamp,
    by: Actor,
    id: SiteId,
    kind: ProofKind,
    reason: Option<&Reason>,
) -> Result<Proved, SiteError> {
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let proved = site.proved(kind, now)?;
    if let Some(holder) = store::holder(tx.conn(), &site.url_key, id)? {
        hold(tx, desk, now, &site, &holder)?;
        return Ok(Proved::Held);
    }
    keep(tx, now, &proved)?;
    let event = if kind == ProofKind::Staff { Event::SiteApproved } else { Event::SiteProved };
    audit::note(tx, now, by, event, id, Some(reason.map_or(kind.as_str(), Reason::as_str)))?;
    if site.state != SiteState::Active {
        tell(tx, now, &proved, |name| {
            Box::new(Verified {
                hub: desk.hub(),
                name,
                site_name: proved.name.clone(),
                site_url: proved.url.clone(),
                how: proof_words(kind).to_owned(),
                link: desk.link(&format!("/my/sites/{id}")),
            })
        })?;
    }
    Ok(Proved::Active)
}

/// What a proof is called in letters and pages.
pub(super) fn proof_words(kind: ProofKind) -> &'static str {
    match kind {
        ProofKind::Meta => "by the tag on its front page",
        ProofKind::File => "by the file on its server",
        ProofKind::Dns => "by its DNS record",
        ProofKind::Call => "by a call from its own server",
        ProofKind::Staff => "by the hub's team",
    }
}

impl ProofKind {
    /// How a page says it, after "proved".
    pub fn words(self) -> &'static str {
        proof_words(self)
    }
}

/// Holds a site whose address is another active site's. Whoever registered that one is told, once.
///
/// # Errors
/// When it can't be written.
pub fn hold(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site, holder: &Site) -> Result<(), SiteError> {
    if site.held_since.is_some() {
        return Ok(());
    }
    keep(tx, now, &Site { held_since: Some(now), ..site.clone() })?;
    audit::note(tx, now, Actor::Hub, Event::SiteHeld, site.id, None)?;
    tell(tx, now, holder, |name| {
        Box::new(UrlContested {
            hub: desk.hub(),
            name,
            site_name: holder.name.clone(),
            site_url: holder.url.clone(),
            link: desk.link(&format!("/my/sites/{}", holder.id)),
        })
    })
}

/// Changes what the owner says of the site. Crossing the user limit switches push off or on, with a letter.
///
/// # Errors
/// [`SiteError::Unknown`] when this account has no such site.
pub fn change(
    tx: &mut Tx,
    desk: &Desk,
    now: Timestamp,
    account: AccountId,
    id: SiteId,
    change: &SiteChange,
    max_users: u64,
) -> Result<Site, SiteError> {
    let before = store::owned_by(tx.conn(), account, id)?.ok_or(SiteError::Unknown)?;
    let mut after = Site {
        name: change.name.0.clone(),
        description: change.description.0.clone(),
        country: change.country.0.clone(),
        language: change.language.0.clone(),
        users: change.users.0,
        privacy: change.privacy,
        push_wanted: change.push_wanted,
        email_alerts: change.email_alerts,
        ..before.clone()
    };
    after.over_limit_since = after.is_over(max_users).then(|| before.over_limit_since.unwrap_or(now));
    keep(tx, now, &after)?;
    audit::note(tx, now, Actor::Account(account), Event::SiteChanged, id, None)?;
    let (was, is) = (before.push_off(max_users), after.push_off(max_users));
    let link = desk.link(&format!("/my/sites/{id}"));
    if is == Some(PushOff::OverUserLimit) && was != is {
        audit::note(tx, now, Actor::Hub, Event::PushOff, id, Some("over_user_limit"))?;
        tell(tx, now, &after, |name| {
            let (site_name, site_url, users) = (after.name.clone(), after.url.clone(), after.users());
            Box::new(PushOffLetter { hub: desk.hub(), name, site_name, site_url, users, max_users, link })
        })?;
    } else if was == Some(PushOff::OverUserLimit) && is.is_none() {
        audit::note(tx, now, Actor::Hub, Event::PushOn, id, None)?;
        tell(tx, now, &after, |name| {
            Box::new(PushOn { hub: desk.hub(), name, site_name: after.name.clone(), site_url: after.url.clone(), link })
        })?;
    }
    Ok(after)
}

/// Suspends a site: within a second its keys stop; its contact is told; the audit log keeps who and why.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is suspended already, gone, or not confirmed.
pub fn suspend(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<(), SiteError> {
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?.suspended(reason.as_str())?;
    keep(tx, now, &site)?;
    audit::note(tx, now, by, Event::SiteSuspended, id, Some(reason.as_str()))?;
    tell(tx, now, &site, |name| {
        Box::new(Suspended {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            reason: reason.as_str().to_owned(),
            link: desk.link(&format!("/my/sites/{id}")),
        })
    })
}

/// Lifts a suspension: the site is where it was before.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is not suspended.
pub fn lift(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<(), SiteError> {
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?.lifted()?;
    keep(tx, now, &site)?;
    audit::note(tx, now, by, Event::SiteLifted, id, Some(reason.as_str()))?;
    tell(tx, now, &site, |name| {
        Box::new(Lifted {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            reason: reason.as_str().to_owned(),
            link: desk.link(&format!("/my/sites/{id}")),
        })
    })
}

/// Takes a site off the hub: its keys stop at once, its figures stay, its contact data go after a retention period.
///
/// # Errors
/// [`SiteError::Unknown`] when this account has no such site.
pub fn unregister(tx: &mut Tx, now: Timestamp, account: AccountId, id: SiteId) -> Result<(), SiteError> {
    let site = store::owned_by(tx.conn(), account, id)?.ok_or(SiteError::Unknown)?.unregistered()?;
    keep(tx, now, &site)?;
    audit::note(tx, now, Actor::Account(account), Event::SiteUnregistered, id, None)?;
    Ok(())
}

fn keep(tx: &mut Tx, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    store::save(tx.conn(), site, now)?;
    Ok(tx.changed(now, Change::Site(site.id))?)
}

/// Mails the site's contact. A site without an account has nobody to tell.
fn tell<'a>(tx: &mut Tx, now: Timestamp, site: &Site, letter: impl FnOnce(String) -> Box<dyn Letter + 'a>) -> Result<(), SiteError> {
    let account = match site.account_id {
        Some(account) => accounts::find(tx.conn(), account)?,
        None => None,
    };
    if let Some(to) = account.filter(|a| a.confirmed_at.is_some()).and_then(|a| a.recipient()) {
        let to = Recipient { site: Some(site.id), ..to };
        let name = to.name.clone();
        mail::post(tx, now, &to, letter(name).as_ref(), None)?;
    }
    Ok(())
}
