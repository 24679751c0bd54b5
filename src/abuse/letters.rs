//! What is mailed about a case: to the site's contact in the site's language, and to the team. The words are `mail`'s.

use super::life::Clerk;
use super::model::{Case, CaseError, CaseSignal, Finding};
use super::{Order, Signal, Step, Told, store};
use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{CaseId, LetterId};
use crate::mail::{self, AppealArrived, CaseAnswered, CaseFacts, CaseLetter, CaseOpened, EmailAddress, Letter, Recipient, Sign, Text};
use crate::sites::{self, Site};

/// What the mail for a step tells: reports are somebody's word, and the team's own eye is no number.
fn signs(signals: &[CaseSignal]) -> Vec<Sign> {
    let counted = signals.iter().filter(|known| !matches!(known.signal, Signal::Reported | Signal::Staff));
    let sign = |known: &CaseSignal| Sign {
        signal: known.signal.as_str().to_owned(),
        amount: known.peak,
        threshold: known.threshold,
        from: known.first_at.readable(),
        to: known.last_at.readable(),
    };
    counted.map(sign).collect()
}

/// The mail for a step as nobody has edited it.
fn words_for(clerk: &Clerk, site: &Site, signals: &[CaseSignal], step: Step, reason: &str, until: Option<Timestamp>) -> Told {
    let facts = CaseFacts {
        hub: clerk.desk.hub(),
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        reason: reason.to_owned(),
        until: until.map(Timestamp::readable),
        signs: signs(signals),
    };
    mail::draft(step, &site.language, &facts)
}

fn letter_for(clerk: &Clerk, site: &Site, case: &Case, step: Step, told: Told, name: String) -> CaseLetter {
    CaseLetter {
        step,
        hub: clerk.desk.hub(),
        name,
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        number: case.number,
        subject: told.subject,
        body: told.body,
        link: clerk.desk.link(&format!("/my/sites/{}/appeal", site.id)),
    }
}

/// The mail to a site's contact for a step, in the site's language, to be edited. `until`: when what is done ends by itself.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such case.
pub fn draft(conn: &mut Conn, clerk: &Clerk, case: CaseId, step: Step, reason: &str, until: Option<Timestamp>) -> Result<Told, CaseError> {
    let case = store::find(conn, case)?.ok_or(CaseError::Unknown)?;
    let site = sites::find(conn, case.site_id)?.ok_or(CaseError::Unknown)?;
    let signals = store::signals_of(conn, case.id)?;
    Ok(words_for(clerk, &site, &signals, step, reason, until))
}

/// An edited mail as its reader will see it, with to whom it goes; `None`: there is nobody to tell.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such case.
pub fn preview(conn: &mut Conn, clerk: &Clerk, case: CaseId, step: Step, told: &Told) -> Result<Option<(Recipient, Text)>, CaseError> {
    let case = store::find(conn, case)?.ok_or(CaseError::Unknown)?;
    let site = sites::find(conn, case.site_id)?.ok_or(CaseError::Unknown)?;
    let Some(to) = reader(conn, &site)? else { return Ok(None) };
    let letter = letter_for(clerk, &site, &case, step, told.clone(), to.name.clone());
    let text = mail::preview(&to.language, &letter)?;
    Ok(Some((to, text)))
}

/// A site is written to in its own language: its contact may be a team.
fn reader(conn: &mut Conn, site: &Site) -> Result<Option<Recipient>, Fault> {
    let to = sites::whom_to_tell(conn, site)?;
    Ok(to.map(|to| Recipient { language: site.language.clone(), ..to }))
}

/// A step that is told.
pub(super) struct Telling<'a> {
    pub step: Step,
    pub reason: &'a str,
    /// As somebody has edited it; `None`: the draft as it is.
    pub told: Option<&'a Told>,
    /// When what is done ends by itself.
    pub until: Option<Timestamp>,
    /// Who takes it.
    pub by: Actor,
}

/// Tells a site's contact of a step. `None`: there is nobody to tell.
pub(super) fn tell_step(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    site: &Site,
    case: &Case,
    telling: &Telling,
) -> Result<Option<LetterId>, CaseError> {
    let Some(to) = reader(tx.conn(), site)? else { return Ok(None) };
    let told = match telling.told {
        Some(told) => told.clone(),
        None => {
            let signals = store::signals_of(tx.conn(), case.id)?;
            words_for(clerk, site, &signals, telling.step, telling.reason, telling.until)
        }
    };
    let letter = letter_for(clerk, site, case, telling.step, told, to.name.clone());
    match telling.by {
        Actor::Hub => Ok(sites::tell_them(tx, now, site, &to, &letter)?),
        // What a person has decided is told, however often they decide.
        Actor::Account(..) | Actor::Operator => Ok(mail::post(tx, now, &to, &letter, None)?),
    }
}

/// Sends the owner what the team answers to an appeal.
pub(super) fn tell_answer(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    site: &Site,
    case: &Case,
    order: &Order,
) -> Result<Option<LetterId>, CaseError> {
    let Some(to) = reader(tx.conn(), site)? else { return Ok(None) };
    let letter = CaseAnswered {
        hub: clerk.desk.hub(),
        name: to.name.clone(),
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        number: case.number,
        words: order.told.map_or_else(|| order.reason.as_str().to_owned(), |told| told.body.clone()),
        link: clerk.desk.link(&format!("/my/sites/{}/appeal", site.id)),
    };
    // Each answer is one that somebody has waited for.
    Ok(mail::post(tx, now, &to, &letter, None)?)
}

fn tell_team(tx: &mut Tx, clerk: &Clerk, now: Timestamp, letter: &dyn Letter) -> Result<(), Fault> {
    let Some(address) = clerk.contact.and_then(|contact| EmailAddress::parse(contact).ok()) else { return Ok(()) };
    let to = Recipient { account: None, site: None, address, name: clerk.desk.hub(), language: "en".to_owned() };
    mail::post(tx, now, &to, letter, None).map(|_| ())
}

/// Tells the team's own mailbox of a new case.
pub(super) fn tell_team_of_case(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    site: &Site,
    case: &Case,
    finding: &Finding,
) -> Result<(), Fault> {
    let letter = CaseOpened {
        hub: clerk.desk.hub(),
        number: case.number,
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        signal: finding.signal.as_str().to_owned(),
        link: clerk.desk.link(&format!("/staff/abuse/{}", case.id)),
    };
    tell_team(tx, clerk, now, &letter)
}

/// Tells the team's own mailbox of an appeal.
pub(super) fn tell_team_of_appeal(tx: &mut Tx, clerk: &Clerk, now: Timestamp, site: &Site, case: &Case, words: &str) -> Result<(), Fault> {
    let letter = AppealArrived {
        hub: clerk.desk.hub(),
        number: case.number,
        site_name: site.name.clone(),
        site_url: site.url.clone(),
        words: words.to_owned(),
        link: clerk.desk.link(&format!("/staff/abuse/{}", case.id)),
    };
    tell_team(tx, clerk, now, &letter)
}
