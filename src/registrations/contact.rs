//! Letters about registrations: to the contact that a Moodle has named, and to whoever registered a site before.

use std::time::Duration;

use super::life::Office;
use crate::accounts;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::mail::{self, KeyRequested, MoodleRegistered, Newcomer, Recipient};
use crate::sites::{self, Site, SiteError};

/// How often one site's admin is told of newcomers: anybody can cause that letter.
const PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Mails the contact of a site that nobody owns the link to an account, once for each address.
///
/// # Errors
/// When it can't be written.
pub fn tell_contact(tx: &mut Tx, office: Office, now: Timestamp, site: &Site) -> Result<(), SiteError> {
    // A link that has run out is as good as none.
    let lasts = Duration::from_secs(accounts::CONTACT_LINK_HOURS * 3600);
    let was_told = site.contact_told_at.is_some_and(|at| now.since(at) < lasts);
    if !office.may_mail || site.account_id.is_some() || was_told {
        return Ok(());
    }
    // A Moodle that names one contact after the other.
    if mail::posted_since(tx.conn(), site.id, "moodle_registered", now - PAUSE)? {
        return Ok(());
    }
    let Some(to) = site.contact() else { return Ok(()) };
    let Some(token) = accounts::contact_link(tx, office.ring, now, &to, &site.language, site.id)? else { return Ok(()) };
    let letter = MoodleRegistered {
        hub: office.desk.hub(),
        name: to.name.clone(),
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        link: office.desk.secret_link("/register/confirm"),
        days: accounts::CONTACT_LINK_HOURS / 24,
        held: site.held_since.is_some(),
    };
    mail::post(tx, now, &to, &letter, Some(&token))?;
    sites::note_told(tx, now, site)
}

/// Tells a site's owner that its Moodle has asked for another key than the one it had, which works until then: at most once a
/// day. Whoever knows the site's secret can ask.
///
/// # Errors
/// When it can't be written.
pub fn tell_of_key(tx: &mut Tx, office: Office, now: Timestamp, site: &Site, until: Timestamp) -> Result<(), SiteError> {
    if mail::posted_since(tx.conn(), site.id, "key_requested", now - PAUSE)? {
        return Ok(());
    }
    let link = office.desk.link(&format!("/my/sites/{}/keys", site.id));
    sites::tell(tx, now, site, |name| {
        let (site_name, site_url, until) = (site.name.clone(), site.url.clone(), until.readable());
        Box::new(KeyRequested { hub: office.desk.hub(), name, site_name, site_url, until, link })
    })
}

/// Tells whoever registered a site that a newcomer waits for a decision: at most once a day. A site without an account is
/// decided about by a link that leads to one.
///
/// # Errors
/// When it can't be written.
pub fn tell_of_newcomer(tx: &mut Tx, office: Office, now: Timestamp, registered: &Site, newcomer: &Site) -> Result<(), SiteError> {
    if mail::posted_since(tx.conn(), registered.id, "newcomer", now - PAUSE)? {
        return Ok(());
    }
    let owner = registered.account_id.map(|id| accounts::find(tx.conn(), id)).transpose()?.flatten();
    let (to, token) = match owner {
        Some(owner) if owner.confirmed_at.is_some() => (owner.recipient(), None),
        Some(_) => (None, None),
        None => {
            let to = registered.contact();
            let link = match &to {
                Some(to) => accounts::contact_link(tx, office.ring, now, to, &registered.language, registered.id)?,
                None => None,
            };
            (to.filter(|_| link.is_some()), link)
        }
    };
    let Some(to) = to else { return Ok(()) };
    let to = Recipient { site: Some(registered.id), ..to };
    let link = match &token {
        Some(_) => office.desk.secret_link("/register/confirm"),
        None => office.desk.link(&format!("/my/sites/{}", registered.id)),
    };
    let letter = Newcomer {
        hub: office.desk.hub(),
        name: to.name.clone(),
        site_name: registered.name.clone(),
        site_url: registered.url.clone(),
        newcomer_url: newcomer.url.clone(),
        same_address: registered.url_key == newcomer.url_key,
        may_decide: registered.may_decide_about(newcomer),
        link,
    };
    mail::post(tx, now, &to, &letter, token.as_ref())?;
    Ok(())
}
