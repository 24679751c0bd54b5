//! What the public tells: put on the site's case where it is known which site it is about, else left for the team to read.

pub(super) mod store;

use super::life::{self, Clerk};
use super::model::{CaseError, Evidence, Finding, Raised};
use super::{Signal, signals};
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::ids::{ReportId, SiteId};
use crate::mail::EmailAddress;
use crate::sites::{self, SiteState};
pub use store::{erase_reporter, find_report, loose_reports, reports_of_case, trim_reports};

/// What somebody tells by the public form.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// The registered site at the address that they typed, if there is one.
    pub site: Option<SiteId>,
    /// What they typed: an address, a name.
    pub about: String,
    pub words: String,
    pub reporter_email: Option<EmailAddress>,
    /// From where, coarsely: /24 or /48.
    pub network: String,
}

/// Takes a report in. As soon as there are as many about one site as the settings say, they open its case or join it; one
/// about no known site waits for the team.
///
/// # Errors
/// When it can't be written.
pub fn report(tx: &mut Tx, clerk: &Clerk, now: Timestamp, new: &NewReport) -> Result<ReportId, CaseError> {
    tx.alone()?;
    let id = ReportId::new(now);
    let known = new.site.map(|site| sites::find(tx.conn(), site)).transpose()?.flatten();
    // What nobody has confirmed is forgotten after a while: a report about it is about none that is known.
    let site = known.filter(|site| site.state != SiteState::Registered).map(|site| site.id);
    store::insert(tx.conn(), id, &NewReport { site, ..new.clone() }, now)?;
    if let Some(site) = site {
        raise_for(tx, clerk, now, Actor::Hub, site, None)?;
    }
    Ok(id)
}

/// Raises what is told of a site, if it is enough; `enough`: whatever the settings say.
fn raise_for(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, site: SiteId, enough: Option<&str>) -> Result<Raised, CaseError> {
    let users = sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?.users();
    let waiting = store::count_loose_of(tx.conn(), site)?;
    let case = super::open_of(tx.conn(), site)?;
    let on_case = case.as_ref().map(|case| store::count_of_case(tx.conn(), case.id)).transpose()?;
    let threshold = signals::row(Signal::Reported).threshold(&clerk.settings.thresholds, users);
    let threshold = threshold.map(|threshold| i64::try_from(threshold).unwrap_or(i64::MAX));
    if enough.is_none() && case.is_none() && threshold.is_none_or(|threshold| waiting < threshold) {
        return Ok(Raised::Quiet);
    }
    let amount = waiting + on_case.unwrap_or(0);
    let finding = Finding { signal: Signal::Reported, amount, threshold: threshold.unwrap_or(0), evidence: Evidence::default() };
    let raised = life::raise(tx, clerk, now, by, site, &finding, enough)?;
    if let Some(case) = raised.case() {
        store::attach(tx.conn(), site, case)?;
    }
    Ok(raised)
}

/// Somebody of the team says which site a loose report is about: it goes on that site's case, opened if there is none.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such loose report or site.
pub fn place_report(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    by: Actor,
    id: ReportId,
    site: SiteId,
    reason: &Reason,
) -> Result<Raised, CaseError> {
    tx.alone()?;
    let known = find_report(tx.conn(), id)?.filter(|report| report.case_id.is_none() && report.done_at.is_none());
    known.ok_or(CaseError::Unknown)?;
    sites::find(tx.conn(), site)?.ok_or(CaseError::Unknown)?;
    store::name_site(tx.conn(), id, site)?;
    raise_for(tx, clerk, now, by, site, Some(reason.as_str()))
}

/// Somebody of the team has read a loose report, and nothing is to be done. `false`: it was dealt with before.
///
/// # Errors
/// When it can't be written.
pub fn settle_report(tx: &mut Tx, now: Timestamp, by: Actor, id: ReportId, reason: &Reason) -> Result<bool, Fault> {
    tx.alone()?;
    let Some(report) = find_report(tx.conn(), id)? else { return Ok(false) };
    if !store::settle(tx.conn(), id, now)? {
        return Ok(false);
    }
    let about = audit::About { site: report.site_id, account: None };
    audit::note(tx, now, by, Event::CaseNoted, about, Some(&format!("report {id}: {}", reason.as_str())))?;
    Ok(true)
}
