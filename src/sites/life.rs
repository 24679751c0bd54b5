//! What happens to a site. Each act runs in its caller's transaction.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::model::{ProofKind, PushOff, Site, SiteChange, SiteError, SiteState};
use super::{NewSite, store, terms};
use crate::accounts;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Change, Conn, Fault, Tx};
use crate::ids::{AccountId, LetterId, SiteId};
use crate::mail::{
    self, Desk, Letter, Lifted, PushEnding, PushOff as PushOffLetter, PushOn, Recipient, Suspended, UrlContested, UrlFree, UrlLost,
    Verified,
};
use crate::secret;
use crate::settings::Binding;

/// How often the contact of a site is mailed that nobody owns.
const PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Registers a site for an account whose mail address is not confirmed yet.
///
/// # Errors
/// [`SiteError::Again`] when the account has a site at this address.
pub fn register(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId, new: &NewSite) -> Result<SiteId, SiteError> {
    insert(tx, now, by, account, new, SiteState::Registered)
}

/// Adds a site to the account of somebody who is logged in: the address is confirmed already.
///
/// # Errors
/// [`SiteError::Again`] when the account has a site at this address.
pub fn add(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId, new: &NewSite) -> Result<SiteId, SiteError> {
    insert(tx, now, by, account, new, SiteState::Unverified)
}

fn insert(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId, new: &NewSite, state: SiteState) -> Result<SiteId, SiteError> {
    tx.alone()?;
    if let Some(known) = store::of_account_at(tx.conn(), account, new.url.key())? {
        return Err(SiteError::Again(known));
    }
    let id = SiteId::new(now);
    store::insert(tx.conn(), id, Some(account), new, state, secret::random_text().expose_secret(), now)?;
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    audit::note_change(tx, now, by, Event::SiteRegistered, id, None, changed(None, Some(&site)))?;
    Ok(id)
}

/// The mail address of an account was confirmed: all that was registered with it goes on. Gives the sites that did.
///
/// # Errors
/// When it can't be written.
pub fn confirm_mail(tx: &mut Tx, now: Timestamp, account: AccountId) -> Result<Vec<SiteId>, SiteError> {
    tx.alone()?;
    let mut confirmed = Vec::new();
    for site in store::registered_by(tx.conn(), account)? {
        // Sent twice: one of them is enough.
        let after = match store::of_account_at(tx.conn(), account, &site.url_key)? {
            None => site.confirmed()?,
            Some(_) => site.unregistered()?,
        };
        keep(tx, now, &after)?;
        if after.state == SiteState::Unverified {
            confirmed.push(site.id);
        }
    }
    Ok(confirmed)
}

/// Forgets what was registered for an account that nobody has confirmed. `true`: it owns nothing any more.
///
/// # Errors
/// When it can't be written.
pub fn forget_registered(tx: &mut Tx, account: AccountId) -> Result<bool, SiteError> {
    Ok(store::delete_registered(tx.conn(), account)?)
}

/// What a proof led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    Active,
    /// Another registration of the same address is active: staff decide, and its contact is told.
    Held,
}

/// Ownership of a site's address was proved, or staff vouch for it with a reason. A proof beats a claim. Beside another
/// proof it is held, and staff decide: whom they vouch for has the address.
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
    tx.alone()?;
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let proved = site.proved(kind, now)?;
    if site.held_beside.is_some() && kind != ProofKind::Staff {
        // The address is its own; whether it is the other site, moved, or a copy of it is not for a proof to say.
        keep(tx, now, &Site { proof: Some(kind), proved_at: Some(now), ..site })?;
        audit::note(tx, now, by, Event::SiteProved, id, Some(kind.as_str()))?;
        return Ok(Proved::Held);
    }
    match store::holder(tx.conn(), &site.url_key, id)? {
        Some(holder) if kind != ProofKind::Staff => {
            hold(tx, desk, now, &site, &holder)?;
            return Ok(Proved::Held);
        }
        Some(holder) if holder.state == SiteState::Active => yield_to_another(tx, desk, now, &holder)?,
        _ => {}
    }
    for claim in store::claims(tx.conn(), &site.url_key, id)? {
        yield_to_another(tx, desk, now, &claim)?;
    }
    keep(tx, now, &proved)?;
    let event = if kind == ProofKind::Staff { Event::SiteApproved } else { Event::SiteProved };
    let why = Some(reason.map_or(kind.as_str(), Reason::as_str));
    audit::note_change(tx, now, by, event, id, why, state_change(&site, &proved))?;
    // Who has no page yet can do nothing with this letter.
    if site.state != SiteState::Active && site.account_id.is_some() {
        tell(tx, now, &proved, |name| {
            Box::new(Verified {
                hub: desk.hub(),
                name,
                site_name: proved.name.clone(),
                site_url: proved.url.clone(),
                how: kind.as_str().to_owned(),
                link: desk.link(&format!("/my/sites/{id}")),
            })
        })?;
    }
    Ok(Proved::Active)
}

/// Another registration has the address now: this one is held, its keys stop, its contact is told.
fn yield_to_another(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    let held = site.held(now);
    keep(tx, now, &held)?;
    let why = Some("another registration of this address was proved");
    audit::note_change(tx, now, Actor::Hub, Event::SiteHeld, site.id, why, state_change(site, &held))?;
    tell(tx, now, site, |name| {
        Box::new(UrlLost {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            link: desk.link(&format!("/my/sites/{}", site.id)),
        })
    })
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

/// Holds a site whose address another one has, by proof. Whoever registered that one is told, once.
///
/// # Errors
/// When it can't be written.
pub fn hold(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site, holder: &Site) -> Result<(), SiteError> {
    if site.held_since.is_some() {
        return Ok(());
    }
    tx.alone()?;
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

/// Changes what the owner says of the site. Crossing the user limit switches push off or on, with a letter. `max_users` is the
/// limit for all: the site's own, if it has one, comes before it.
///
/// # Errors
/// [`SiteError::Unknown`] when whoever it is has no such site.
pub fn change(
    tx: &mut Tx,
    desk: &Desk,
    now: Timestamp,
    by: Actor,
    id: SiteId,
    change: &SiteChange,
    max_users: u64,
) -> Result<Site, SiteError> {
    tx.alone()?;
    let account = by.account().ok_or(SiteError::Unknown)?;
    let before = store::owned_by(tx.conn(), account, id)?.ok_or(SiteError::Unknown)?;
    let max_users = terms::max_users(tx.conn(), id, max_users)?;
    let mut after = Site {
        name: change.name.0.clone(),
        description: change.description.0.clone(),
        country: change.country.0.clone(),
        language: change.language.0.clone(),
        // What its Moodle tells is the number that counts.
        users: if before.called_at.is_some() { before.users } else { change.users.0 },
        privacy: change.privacy,
        push_wanted: change.push_wanted,
        email_alerts: change.email_alerts,
        ..before.clone()
    };
    after.over_limit_since = after.is_over(max_users).then(|| before.over_limit_since.unwrap_or(now));
    after.grace_until = before.grace_until.filter(|_| after.is_over(max_users));
    keep(tx, now, &after)?;
    audit::note_change(tx, now, by, Event::SiteChanged, id, None, changed(Some(&before), Some(&after)))?;
    tell_of_limit(tx, desk, now, &before, &after, max_users)?;
    Ok(after)
}

/// What everybody may see of a site, as the audit log tells that it was changed.
fn changed(before: Option<&Site>, after: Option<&Site>) -> audit::Change {
    let public = |site: Option<&Site>| {
        site.map(|site| {
            serde_json::json!({"name": site.name, "url": site.url, "description": site.description, "country": site.country,
                "language": site.language, "users": site.users, "privacy": site.privacy.as_str(), "push_wanted": site.push_wanted,
                "email_alerts": site.email_alerts})
        })
    };
    let nothing = || serde_json::json!({});
    audit::Change::between(&public(before).unwrap_or_else(nothing), &public(after).unwrap_or_else(nothing))
}

/// Where a site was in its life, and where it is.
fn state_change(before: &Site, after: &Site) -> audit::Change {
    let stands = |site: &Site| serde_json::json!({"state": site.state.as_str(), "held": site.held_since.is_some()});
    audit::Change::between(&stands(before), &stands(after))
}

/// What the user limit means for a site that has just been registered, or whose number of users has changed: push goes off
/// with a letter, or on again. A site that could push and has grown pushes on for `grace`. `max_users` is the limit for all:
/// the site's own, if it has one, comes before it.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn apply_user_limit(tx: &mut Tx, desk: &Desk, now: Timestamp, id: SiteId, max_users: u64, grace: Duration) -> Result<(), SiteError> {
    tx.alone()?;
    let before = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let max_users = terms::max_users(tx.conn(), id, max_users)?;
    let over_limit_since = before.is_over(max_users).then(|| before.over_limit_since.unwrap_or(now));
    if over_limit_since == before.over_limit_since {
        return Ok(());
    }
    let grace_until = (over_limit_since.is_some() && !grace.is_zero()).then(|| now + grace);
    let after = Site { over_limit_since, grace_until, ..before.clone() };
    keep(tx, now, &after)?;
    tell_of_limit(tx, desk, now, &before, &after, max_users)
}

/// Applies a user limit for all that has changed, to `most` sites at once. Gives to how many: fewer than `most` when it is done.
///
/// # Errors
/// When it can't be written.
pub fn apply_user_limit_to_all(
    tx: &mut Tx,
    desk: &Desk,
    now: Timestamp,
    max_users: u64,
    grace: Duration,
    most: i64,
) -> Result<usize, SiteError> {
    tx.alone()?;
    let misplaced = store::misplaced(tx.conn(), max_users, most)?;
    for id in &misplaced {
        apply_user_limit(tx, desk, now, *id, max_users, grace)?;
    }
    Ok(misplaced.len())
}

/// Ends the grace of sites that are still over the user limit: push goes off, with a letter. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn end_grace(tx: &mut Tx, desk: &Desk, now: Timestamp, max_users: u64) -> Result<usize, SiteError> {
    let over = store::out_of_grace(tx.conn(), now)?;
    for before in &over {
        let after = Site { grace_until: None, ..before.clone() };
        keep(tx, now, &after)?;
        let max_users = terms::max_users(tx.conn(), after.id, max_users)?;
        if after.push_off(max_users) == Some(PushOff::OverUserLimit) {
            tell_push_off(tx, desk, now, &after, max_users)?;
        }
    }
    Ok(over.len())
}

/// Says whether pushes to tokens that a site has not enrolled are refused; `None`: as the hub says in general.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn set_binding(tx: &mut Tx, now: Timestamp, by: Actor, id: SiteId, binding: Option<Binding>, reason: &Reason) -> Result<(), SiteError> {
    tx.alone()?;
    store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
    let before = store::binding(tx.conn(), id)?;
    store::set_binding(tx.conn(), id, binding)?;
    let word = |binding: Option<Binding>| binding.map_or("as the hub", Binding::as_str);
    let change = audit::Change::of("binding", word(before), word(binding));
    let why = format!("{}: {}", word(binding), reason.as_str());
    audit::note_change(tx, now, by, Event::BindingSet, id, Some(&why), change)?;
    Ok(tx.changed(now, Change::Site(id))?)
}

/// Tells a site's contact that the user limit was crossed. Who has opted out of push is spared.
fn tell_of_limit(tx: &mut Tx, desk: &Desk, now: Timestamp, before: &Site, after: &Site, max_users: u64) -> Result<(), SiteError> {
    let link = desk.link(&format!("/my/sites/{}", after.id));
    let (was_over, is_over) = (before.over_limit_since.is_some(), after.over_limit_since.is_some());
    if is_over && !was_over && after.push_wanted {
        tell_push_off(tx, desk, now, after, max_users)?;
    } else if was_over && !is_over && before.grace_until.is_none() && after.push_off(max_users).is_none() {
        let change = audit::Change::of("over_user_limit", true, false);
        audit::note_change(tx, now, Actor::Hub, Event::PushOn, after.id, None, change)?;
        tell(tx, now, after, |name| {
            Box::new(PushOn { hub: desk.hub(), name, site_name: after.name.clone(), site_url: after.url.clone(), link })
        })?;
    }
    Ok(())
}

/// Push goes off for too many users, now or at the end of the grace.
fn tell_push_off(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site, max_users: u64) -> Result<(), SiteError> {
    let (link, until) = (desk.link(&format!("/my/sites/{}", site.id)), site.grace_until.map(Timestamp::readable));
    let event = if until.is_some() { Event::PushEnding } else { Event::PushOff };
    let change = audit::Change::of("over_user_limit", false, true);
    audit::note_change(tx, now, Actor::Hub, event, site.id, Some("over_user_limit"), change)?;
    tell(tx, now, site, |name| {
        let (hub, site_name, site_url, users) = (desk.hub(), site.name.clone(), site.url.clone(), site.users());
        match until {
            Some(until) => Box::new(PushEnding { hub, name, site_name, site_url, users, max_users, until, link }),
            None => Box::new(PushOffLetter { hub, name, site_name, site_url, users, max_users, link }),
        }
    })
}

/// Suspends a site: within a second its keys stop; its contact is told; the audit log keeps who and why.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is suspended already, gone, or not confirmed.
pub fn suspend(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<(), SiteError> {
    let site = suspend_quietly(tx, now, by, id, reason)?;
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

/// Suspends a site, as [`suspend`]; whoever calls this tells its contact. Gives the site as it is then.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is suspended already, gone, or not confirmed.
pub fn suspend_quietly(tx: &mut Tx, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<Site, SiteError> {
    tx.alone()?;
    let site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?.suspended(reason.as_str())?;
    keep(tx, now, &site)?;
    audit::note(tx, now, by, Event::SiteSuspended, id, Some(reason.as_str()))?;
    Ok(site)
}

/// Lifts a suspension: the site is where it was before, or held if another one has its address meanwhile.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is not suspended.
pub fn lift(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<(), SiteError> {
    let site = lift_quietly(tx, now, by, id, reason)?;
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

/// Lifts a suspension, as [`lift`]; whoever calls this tells its contact. Gives the site as it is then.
///
/// # Errors
/// [`SiteError::NotFrom`] for a site that is not suspended.
pub fn lift_quietly(tx: &mut Tx, now: Timestamp, by: Actor, id: SiteId, reason: &Reason) -> Result<Site, SiteError> {
    tx.alone()?;
    let mut site = store::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?.lifted()?;
    let rival = store::holder(tx.conn(), &site.url_key, id)?;
    if site.state == SiteState::Active && rival.is_some_and(|rival| rival.state == SiteState::Active) {
        site = site.held(now);
    }
    keep(tx, now, &site)?;
    audit::note(tx, now, by, Event::SiteLifted, id, Some(reason.as_str()))?;
    Ok(site)
}

/// Takes a site off the hub: its figures stay, its contact data go after a retention period. The caller ends its keys
/// in the same transaction (`keys::revoke_all`). Whoever was held beside it may prove the address again, and is told.
///
/// # Errors
/// [`SiteError::Unknown`] when whoever it is has no such site.
pub fn unregister(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, id: SiteId) -> Result<(), SiteError> {
    tx.alone()?;
    let account = by.account().ok_or(SiteError::Unknown)?;
    let site = store::owned_by(tx.conn(), account, id)?.ok_or(SiteError::Unknown)?;
    leave(tx, desk, now, by, &site, None)
}

/// Takes a site off the hub, as [`unregister`], for its Moodle or for whoever has decided.
///
/// # Errors
/// [`SiteError::NotFrom`] for one that has left already.
pub fn leave(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, site: &Site, why: Option<&str>) -> Result<(), SiteError> {
    tx.alone()?;
    let (id, was_held, before, site) = (site.id, site.held_since.is_some(), site, site.unregistered()?);
    keep(tx, now, &site)?;
    audit::note_change(tx, now, by, Event::SiteUnregistered, id, why, state_change(before, &site))?;
    for copy in store::copies_of(tx.conn(), id)? {
        super::newcomers::set_free(tx, now, &copy)?;
    }
    // Nobody is free while another one stands there, or because somebody leaves who was held like them.
    if was_held || site.left_suspended() || store::stands_at(tx.conn(), &site.url_key, id)? {
        return Ok(());
    }
    for waiting in store::held_at(tx.conn(), &site.url_key)? {
        keep(tx, now, &Site { held_since: None, refused_at: None, ..waiting.clone() })?;
        tell(tx, now, &waiting, |name| {
            Box::new(UrlFree {
                hub: desk.hub(),
                name,
                site_name: waiting.name.clone(),
                site_url: waiting.url.clone(),
                link: desk.link(&format!("/my/sites/{}/verify", waiting.id)),
            })
        })?;
    }
    Ok(())
}

pub(super) fn keep(tx: &mut Tx, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    store::save(tx.conn(), site, now)?;
    Ok(tx.changed(now, Change::Site(site.id))?)
}

/// Mails the site's owner, or the contact that its Moodle has named. A site with neither has nobody to tell.
///
/// # Errors
/// When it can't be written.
pub fn tell<'a>(tx: &mut Tx, now: Timestamp, site: &Site, letter: impl FnOnce(String) -> Box<dyn Letter + 'a>) -> Result<(), SiteError> {
    let Some(to) = whom_to_tell(tx.conn(), site)? else { return Ok(()) };
    let letter = letter(to.name.clone());
    tell_them(tx, now, site, &to, letter.as_ref()).map(|_| ())
}

/// The site's owner, or the contact that its Moodle has named; `None`: there is nobody to tell.
///
/// # Errors
/// When the database does not answer.
pub fn whom_to_tell(conn: &mut Conn, site: &Site) -> Result<Option<Recipient>, Fault> {
    let to = match site.account_id {
        Some(account) => accounts::find(conn, account)?.filter(|a| a.confirmed_at.is_some()).and_then(|a| a.recipient()),
        None => site.contact(),
    };
    Ok(to.map(|to| Recipient { site: Some(site.id), ..to }))
}

/// Mails whom [`whom_to_tell`] has named. `None`: they have had such a letter today, or want none.
///
/// # Errors
/// When it can't be written.
pub fn tell_them(tx: &mut Tx, now: Timestamp, site: &Site, to: &Recipient, letter: &dyn Letter) -> Result<Option<LetterId>, SiteError> {
    // Nobody has shown yet that this mailbox is theirs: each letter comes once a day at most, whatever happens.
    if site.account_id.is_none() && mail::posted_since(tx.conn(), site.id, letter.kind(), now - PAUSE)? {
        return Ok(None);
    }
    Ok(mail::post(tx, now, to, letter, None)?)
}
