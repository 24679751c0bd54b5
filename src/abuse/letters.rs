//! What is mailed about a case: to the site's contact in the site's language, and to the team.

use super::life::Clerk;
use super::model::{Case, CaseError, CaseSignal, Finding};
use super::{Order, Step, store};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{CaseId, LetterId};
use crate::mail::{Letter, Text};
use crate::sites::{self, Site};

/// A mail as somebody of the team has edited it: an empty line between paragraphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub subject: String,
    pub body: String,
}

struct StepLetter {
    kind: &'static str,
    told: Told,
    link: String,
}

impl Letter for StepLetter {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn render(&self) -> Result<Text, askama::Error> {
        let text = format!("{}\n\n{}\n", self.told.body, self.link);
        Ok(Text { subject: self.told.subject.clone(), text, html: String::new() })
    }
}

const fn kind(step: Step) -> &'static str {
    match step {
        Step::Warn => "case_warn",
        Step::Limit => "case_limit",
        Step::PushOff => "case_push_off",
        Step::Suspend => "case_suspend",
        Step::Lift => "case_lift",
        Step::Close => "case_close",
    }
}

fn text_of(site: &Site, step: Step, signals: &[CaseSignal], reason: &str, _until: Option<Timestamp>) -> Told {
    let signs: Vec<String> = signals.iter().map(|known| format!("- {}: {}", known.signal, known.amount)).collect();
    Told { subject: format!("{}: {step}", site.name), body: format!("{}\n\n{reason}", signs.join("\n")) }
}

/// The mail to a site's contact for a step, to be edited.
///
/// # Errors
/// [`CaseError::Unknown`] when there is no such case.
pub fn draft(
    conn: &mut Conn,
    _clerk: &Clerk,
    case: CaseId,
    step: Step,
    reason: &str,
    until: Option<Timestamp>,
) -> Result<Told, CaseError> {
    let case = store::find(conn, case)?.ok_or(CaseError::Unknown)?;
    let site = sites::find(conn, case.site_id)?.ok_or(CaseError::Unknown)?;
    let signals = store::signals_of(conn, case.id)?;
    Ok(text_of(&site, step, &signals, reason, until))
}

/// A step that is told.
pub(super) struct Telling<'a> {
    pub step: Step,
    pub reason: &'a str,
    /// As somebody has edited it; `None`: the draft as it is.
    pub told: Option<&'a Told>,
    /// When what is done ends by itself.
    pub until: Option<Timestamp>,
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
    let signals = store::signals_of(tx.conn(), case.id)?;
    let told = telling.told.cloned().unwrap_or_else(|| text_of(site, telling.step, &signals, telling.reason, telling.until));
    let link = clerk.desk.link(&format!("/my/sites/{}/appeal", site.id));
    sites::tell(tx, now, site, |_| Box::new(StepLetter { kind: kind(telling.step), told, link }))?;
    Ok(None)
}

/// Sends the owner what the team answers to an appeal.
pub(super) fn tell_answer(
    tx: &mut Tx,
    clerk: &Clerk,
    now: Timestamp,
    site: &Site,
    _case: &Case,
    order: &Order,
) -> Result<Option<LetterId>, CaseError> {
    let told = Told { subject: "An answer".into(), body: order.reason.as_str().to_owned() };
    let link = clerk.desk.link(&format!("/my/sites/{}/appeal", site.id));
    sites::tell(tx, now, site, |_| Box::new(StepLetter { kind: "case_answered", told, link }))?;
    Ok(None)
}

/// Tells the team's own mailbox of a new case.
pub(super) fn tell_team_of_case(_tx: &mut Tx, _clerk: &Clerk, _now: Timestamp, _case: &Case, _finding: &Finding) -> Result<(), Fault> {
    Ok(())
}

/// Tells the team's own mailbox of an appeal.
pub(super) fn tell_team_of_appeal(_tx: &mut Tx, _clerk: &Clerk, _now: Timestamp, _case: &Case, _words: &str) -> Result<(), Fault> {
    Ok(())
}
