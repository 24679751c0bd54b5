//! What happens to a Moodle's registration. Each act runs in its caller's transaction.

use std::time::Duration;

use super::contact::{tell_contact, tell_of_newcomer};
use super::model::{Meets, Registration, UnknownToken};
use super::report::Report;
use super::secret::{HubToken, Prints, SiteSecret, Siteid};
use super::store::{self, Kept, NewRegistration};
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{AccountId, SiteId};
use crate::mail::{Desk, Joined};
use crate::secret::Keyring;
use crate::sites::{self, Beside, Decision, NewClaim, Said, Site, SiteError, SiteState, SiteUrl};

/// How long reports are kept: figures of each day, use of plugins of each month.
pub const DAYS_KEPT: Duration = Duration::from_secs(2 * 366 * 86_400);
pub const MONTHS_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// How many copies of a site are held at most.
const MOST_COPIES: i64 = 10;

/// What comes by Moodle's round trip: from a browser, so it proves nothing.
#[derive(Clone)]
pub struct Claim {
    pub url: SiteUrl,
    pub secret: SiteSecret,
    pub report: Report,
    pub push_wanted: bool,
    /// Who is logged in to the hub in the same browser.
    pub account: Option<AccountId>,
}

/// The hub, as registrations need it.
#[derive(Clone, Copy)]
pub struct Office<'a> {
    pub ring: &'a Keyring,
    pub desk: &'a Desk,
    /// The public URL without a trailing slash: Moodle keeps its registration under it.
    pub hub_url: &'a str,
    /// The user limit N.
    pub max_users: u64,
    /// How long a site that has grown beyond it goes on pushing.
    pub grace: Duration,
    /// Whether the contact's mailbox may get a letter now.
    pub may_mail: bool,
}

/// What a Moodle meets that comes with a secret and an address.
///
/// # Errors
/// When the database does not answer.
pub fn meets(conn: &mut Conn, prints: &Prints, url: &SiteUrl, account: Option<AccountId>) -> Result<Meets, Fault> {
    let here = sites::at_address(conn, url)?;
    let ids: Vec<SiteId> = here.iter().map(|site| site.id).collect();
    let known = store::of_sites(conn, &ids)?;
    // Also one that has left while it was suspended: coming back is no way around that.
    let is_itself = |site: &&Site| known.iter().any(|known| known.site_id == site.id && known.is_of(prints));
    let rank = |site: &&Site| (site.state == SiteState::Unregistered, site.held_since.is_some());
    if let Some(site) = here.iter().filter(is_itself).min_by_key(rank) {
        return Ok(Meets::Itself(Box::new(site.clone())));
    }
    let free = || here.iter().filter(|site| site.held_since.is_none());
    let owned = |site: &Site| account.is_some() && site.account_id == account && site.state != SiteState::Unregistered;
    if let Some(site) = free().find(|site| owned(site)) {
        return Ok(Meets::Owner(Box::new(site.clone())));
    }
    // Whoever has only typed the address into the form, and proved nothing, holds nobody up.
    let has_moodle = |site: &Site| known.iter().any(|known| known.site_id == site.id);
    let stands = |site: &Site| match site.state {
        // Of those that have left, only the suspended ones are here.
        SiteState::Active | SiteState::Claimed | SiteState::Suspended | SiteState::Unregistered => true,
        SiteState::Unverified | SiteState::Registered => has_moodle(site),
    };
    let rank = |site: &&Site| (site.state == SiteState::Unregistered, site.state != SiteState::Active, site.id);
    if let Some(site) = free().filter(|site| stands(site)).min_by_key(rank) {
        return Ok(Meets::Rival(Box::new(site.clone())));
    }
    // By the whole secret: after a renewal, or a fresh registration of a copy, the beginning may be the same and the date is
    // new (`wire/moodle-client.md` 2.8).
    let twin = store::of_secret(conn, prints)?.into_iter().find(|site| site.url_key != url.key());
    Ok(twin.map_or(Meets::Nobody, |site| Meets::Twin(Box::new(site))))
}

/// Registers what came by Moodle's round trip, and gives the token for it: it works once this is committed. A known site
/// goes on as it was; a newcomer beside another one is held, and that one's admin is told.
///
/// # Errors
/// When it can't be written.
pub fn claim(tx: &mut Tx, office: Office, now: Timestamp, claim: &Claim) -> Result<(HubToken, SiteId), SiteError> {
    tx.alone()?;
    let prints = claim.secret.prints(office.ring);
    let met = meets(tx.conn(), &prints, &claim.url, claim.account)?;
    let said = claim.report.said(Some(&claim.url));
    let id = match &met {
        Meets::Itself(site) if site.left_suspended() => {
            sites::come_back(tx, now, site)?;
            site.id
        }
        // What a browser says of a site whose server speaks for itself is not taken.
        Meets::Itself(site) if site.called_at.is_some() => site.id,
        Meets::Itself(site) => sites::take_up(tx, now, site.id, &said, false)?.id,
        Meets::Owner(site) => {
            sites::set_pairing(tx, now, Actor::Hub, site, None)?;
            note_joined(tx, office.desk, now, site)?;
            site.id
        }
        Meets::Nobody | Meets::Rival(_) | Meets::Twin(_) => {
            let held = match &met {
                Meets::Twin(other) => Some(Beside::Secret(other.id)),
                Meets::Rival(_) => Some(Beside::Address),
                _ => None,
            };
            let new = NewClaim { url: claim.url.clone(), account: claim.account, push_wanted: claim.push_wanted, said, held };
            let id = sites::claim(tx, now, &new)?;
            keep(tx, now, id, &claim.report, false)?;
            for crowded in sites::drop_crowd(tx, now, &claim.url)? {
                store::delete_of(tx.conn(), crowded)?;
            }
            id
        }
    };
    sites::apply_user_limit(tx, office.desk, now, id, office.max_users, Duration::ZERO)?;
    let token = HubToken::generate();
    store::insert(
        tx.conn(),
        NewRegistration {
            site: id,
            prints,
            signing_sealed: Some(Registration::seal(office.ring, &claim.secret.signing_key())),
            token_hash: Some(token.hash(office.ring)),
            hub_url: office.hub_url,
            now,
        },
    )?;
    let site = found(tx, id)?;
    if let Some(registered) = met.held_beside() {
        tell_of_newcomer(tx, office, now, registered, &site)?;
    }
    tell_contact(tx, office, now, &site)?;
    Ok((token, id))
}

fn found(tx: &mut Tx, id: SiteId) -> Result<Site, SiteError> {
    sites::find(tx.conn(), id)?.ok_or(SiteError::Unknown)
}

/// A site has its Moodle now: its owner is told.
fn note_joined(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    audit::note(tx, now, Actor::Hub, Event::SiteJoined, site.id, None)?;
    let link = desk.link(&format!("/my/sites/{}", site.id));
    sites::tell(tx, now, site, |name| {
        Box::new(Joined { hub: desk.hub(), name, site_name: site.name.clone(), site_url: site.url.clone(), link })
    })
}

/// A call with a token that is known.
pub struct Call {
    pub registration: Registration,
    pub site: Site,
}

/// Whose token it is.
///
/// # Errors
/// When the database does not answer. That the token is unknown is an answer, with its witness.
pub fn authenticate(conn: &mut Conn, ring: &Keyring, token: &str) -> Result<Result<Call, UnknownToken>, Fault> {
    let found = store::by_token(conn, &HubToken::hash_of(ring, token))?;
    Ok(found.map(|(registration, site)| Call { registration, site }).ok_or(UnknownToken(())))
}

/// The site that a call means: the token's own, or the one with the same secret at the address that the call names.
/// `None`: there is none at that address.
fn meant(conn: &mut Conn, call: &Call, url: Option<&SiteUrl>) -> Result<Option<Site>, Fault> {
    let Some(url) = url.filter(|url| url.key() != call.site.url_key) else { return Ok(Some(call.site.clone())) };
    // Who is held beside another one speaks for nobody else.
    if call.site.held_since.is_some() {
        return Ok(None);
    }
    let Some(prints) = call.registration.prints() else { return Ok(None) };
    Ok(store::of_secret(conn, &prints)?.into_iter().find(|site| site.url_key == url.key()))
}

/// What came of a report.
pub enum Told {
    Unknown(UnknownToken),
    Taken(Box<Site>),
    /// Taken, but the site is held beside another one, or refused.
    Held(Box<Site>),
    /// Taken, but the site is suspended, and why.
    Suspended {
        site: SiteId,
        reason: String,
    },
    /// Not taken: the token is that of a site at another address. The newcomer at this one, if it is held.
    Elsewhere {
        known: Box<Site>,
        newcomer: Option<Box<Site>>,
    },
}

/// Takes up what a Moodle tells of itself with its token.
///
/// # Errors
/// When it can't be written.
pub fn report(
    tx: &mut Tx,
    office: Office,
    now: Timestamp,
    token: &str,
    report: &Report,
    url: Option<&SiteUrl>,
    signed: bool,
) -> Result<Told, SiteError> {
    tx.alone()?;
    let call = match authenticate(tx.conn(), office.ring, token)? {
        Ok(call) => call,
        Err(unknown) => return Ok(Told::Unknown(unknown)),
    };
    let site = match (meant(tx.conn(), &call, url)?, url) {
        (Some(site), _) if site.held_beside.is_some() && site.id != call.site.id => {
            return Ok(Told::Elsewhere { known: Box::new(call.site), newcomer: Some(Box::new(site)) });
        }
        (Some(site), _) => site,
        (None, Some(_)) if call.site.held_since.is_some() => {
            return Ok(Told::Elsewhere { known: Box::new(call.site), newcomer: None });
        }
        (None, Some(url)) => {
            let newcomer = elsewhere(tx, office, now, &call, report, url)?.map(Box::new);
            return Ok(Told::Elsewhere { known: Box::new(call.site), newcomer });
        }
        (None, None) => call.site,
    };
    store::note_call(tx.conn(), &call.registration, now)?;
    if let Some(mailbox) = &report.identity.email_alert_email {
        store::note_alerts_email(tx.conn(), call.registration.id, mailbox)?;
    }
    let is_new = site.called_at.is_none();
    sites::take_up(tx, now, site.id, &report.said(url), true)?;
    keep(tx, now, site.id, report, signed)?;
    // Only who was in use has something to lose.
    let grace = if is_new { Duration::ZERO } else { office.grace };
    sites::apply_user_limit(tx, office.desk, now, site.id, office.max_users, grace)?;
    let told = found(tx, site.id)?;
    tell_contact(tx, office, now, &told)?;
    let site = found(tx, site.id)?;
    Ok(match site.state {
        SiteState::Suspended => Told::Suspended { site: site.id, reason: site.state_reason.unwrap_or_default() },
        _ if site.held_since.is_some() => Told::Held(Box::new(site)),
        _ => Told::Taken(Box::new(site)),
    })
}

/// A Moodle with a known token calls from another address: it has moved, or is a copy. Whoever registered the known site
/// decides; until then it goes on as it was.
fn elsewhere(tx: &mut Tx, office: Office, now: Timestamp, call: &Call, report: &Report, url: &SiteUrl) -> Result<Option<Site>, SiteError> {
    // A token that names ever new addresses makes no more work than this.
    let Some(prints) = call.registration.prints() else { return Ok(None) };
    if sites::count_held_beside(tx.conn(), call.site.id)? >= MOST_COPIES {
        return Ok(None);
    }
    let held = Some(Beside::Secret(call.site.id));
    let new = NewClaim { url: url.clone(), account: None, push_wanted: call.site.push_wanted, said: report.said(Some(url)), held };
    let id = sites::claim(tx, now, &new)?;
    let signing_sealed = call.registration.signing_sealed.clone();
    let registration = NewRegistration { site: id, prints, signing_sealed, token_hash: None, hub_url: office.hub_url, now };
    store::insert(tx.conn(), registration)?;
    let newcomer = found(tx, id)?;
    tell_of_newcomer(tx, office, now, &call.site, &newcomer)?;
    Ok(Some(newcomer))
}

fn keep(tx: &mut Tx, now: Timestamp, site: SiteId, report: &Report, signed: bool) -> Result<(), Fault> {
    let (figures, unknown, plugins, ai) = (report.figures_json(), report.unknown_json(), report.plugins_json(), report.ai_json());
    let kept = Kept { site, now, signed, figures: &figures, unknown: &unknown, plugins: plugins.as_deref(), ai: ai.as_deref() };
    store::keep(tx.conn(), &kept)
}

/// Whether a call's own site is the one with this address and secret.
///
/// # Errors
/// When the database does not answer.
pub fn is_registered(conn: &mut Conn, ring: &Keyring, call: &Call, url: &SiteUrl, secret: &SiteSecret) -> Result<bool, Fault> {
    let site = meant(conn, call, Some(url))?;
    Ok(site.is_some_and(|site| site.id == call.site.id || site.held_since.is_none()) && call.registration.is_of(&secret.prints(ring)))
}

/// A Moodle takes itself off the hub. A copy that names its own address takes nothing but itself off. Gives the site that
/// has left, whose keys the caller ends; `None`: there was none at that address, so there is nothing to do.
///
/// # Errors
/// When it can't be written.
pub fn unregister(tx: &mut Tx, desk: &Desk, now: Timestamp, call: &Call, url: Option<&SiteUrl>) -> Result<Option<SiteId>, SiteError> {
    tx.alone()?;
    let Some(site) = meant(tx.conn(), call, url)? else { return Ok(None) };
    // Who was turned away would be asked about again if it could come anew: for its Moodle it has left, here it stays refused.
    if site.refused_at.is_some() {
        return Ok(None);
    }
    sites::leave(tx, desk, now, Actor::Hub, &site, Some("its Moodle has unregistered"))?;
    forget_all(tx, site.id)?;
    Ok(Some(site.id))
}

/// Forgets what a site that has left was known by; not of one that has left while it was suspended, which is known again when
/// it comes back. Its tokens work no more in either case.
///
/// # Errors
/// When it can't be written.
pub fn forget_all(tx: &mut Tx, site: SiteId) -> Result<(), Fault> {
    match sites::find(tx.conn(), site)? {
        Some(left) if left.left_suspended() => Ok(()),
        _ => store::delete_of(tx.conn(), site),
    }
}

/// Which live site has this address and is known by this siteid; one that is not held comes first.
///
/// # Errors
/// When the database does not answer.
pub fn by_siteid(conn: &mut Conn, ring: &Keyring, url: &SiteUrl, siteid: &Siteid) -> Result<Option<Site>, Fault> {
    let found = store::by_print(conn, &siteid.print(ring), url)?;
    Ok(found.into_iter().min_by_key(|site| (site.held_since.is_some(), site.state != SiteState::Active, site.id)))
}

/// Joins a site whose owner waits for it with the Moodle that asks: the first one, and no other. Only a proved site.
///
/// # Errors
/// When it can't be written.
pub fn pair(tx: &mut Tx, office: Office, now: Timestamp, url: &SiteUrl, siteid: &Siteid) -> Result<Option<Site>, SiteError> {
    tx.alone()?;
    let here = sites::at_address(tx.conn(), url)?;
    let waiting = here.into_iter().find(|site| site.state == SiteState::Active && site.is_pairing(now));
    let Some(site) = waiting else { return Ok(None) };
    sites::set_pairing(tx, now, Actor::Hub, &site, None)?;
    let prints = siteid.prints(office.ring);
    let registration = NewRegistration { site: site.id, prints, signing_sealed: None, token_hash: None, hub_url: office.hub_url, now };
    store::insert(tx.conn(), registration)?;
    note_joined(tx, office.desk, now, &site)?;
    Ok(Some(site))
}

/// Who decides what about a newcomer, and why: the team says a reason.
#[derive(Clone, Copy)]
pub struct Verdict<'a> {
    pub decision: Decision,
    pub by: Actor,
    pub why: Option<&'a Reason>,
}

/// Decides what a newcomer is: by the registered site's admin, or by the hub's team with a reason.
///
/// # Errors
/// [`SiteError::Unknown`] when the newcomer does not wait for a decision about this site.
pub fn decide(tx: &mut Tx, desk: &Desk, now: Timestamp, site: &Site, newcomer: SiteId, verdict: Verdict) -> Result<(), SiteError> {
    tx.alone()?;
    let newcomer = sites::find(tx.conn(), newcomer)?.filter(|newcomer| site.is_beside(newcomer)).ok_or(SiteError::Unknown)?;
    if !matches!(site.state, SiteState::Active | SiteState::Claimed) {
        return Err(SiteError::NotFrom(site.state));
    }
    let Verdict { decision, by, why } = verdict;
    match decision {
        Decision::Move => {
            sites::join(tx, desk, now, by, site, &newcomer, why)?;
            // A Moodle that was installed anew has a token of its own, and the earlier one's is over.
            let brings_its_own = store::of_site(tx.conn(), newcomer.id)?.iter().any(|known| known.called_at.is_some());
            if brings_its_own {
                store::delete_of(tx.conn(), site.id)?;
            }
            Ok(store::give(tx.conn(), newcomer.id, site.id)?)
        }
        Decision::Separate => sites::separate(tx, desk, now, by, &newcomer, why),
        Decision::Refuse => sites::refuse(tx, desk, now, by, &newcomer, why),
    }
}

/// Takes claims off the hub whose server was never heard of and that nobody owns. Gives how many there were.
///
/// # Errors
/// When it can't be written.
pub fn drop_unheard(tx: &mut Tx, now: Timestamp) -> Result<usize, SiteError> {
    let dropped = sites::drop_unheard(tx, now)?;
    for id in &dropped {
        store::delete_of(tx.conn(), *id)?;
    }
    Ok(dropped.len())
}

/// Forgets reports that are too old to be of interest.
///
/// # Errors
/// When it can't be written.
pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
    store::trim_reports(conn, now - DAYS_KEPT, now - MONTHS_KEPT)
}

impl Report {
    /// What it says of the site itself.
    pub fn said(&self, url: Option<&SiteUrl>) -> Said {
        let told = &self.identity;
        Said {
            url: url.cloned(),
            name: told.name.clone(),
            description: told.description.clone(),
            country: told.country.clone(),
            language: told.language.clone(),
            users: self.users(),
            privacy: told.privacy,
            email_alerts: told.email_alert,
            contact_name: told.contact_name.clone(),
            contact_email: told.contact_email.clone(),
        }
    }
}
