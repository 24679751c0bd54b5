use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use super::case::{contact, mailbox};
use super::case_acts::{Act, found};
use crate::abuse::{self, Told};
use crate::accounts;
use crate::clock::Timestamp;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::CaseId;
use crate::mail;
use crate::sites::Language;
use crate::visit::Staff;
use crate::web::{self, Field, Fields, Page};

/// The longest subject and the longest text of a mail, in characters.
const SUBJECT_CHARS: usize = 200;
const BODY_CHARS: usize = 10_000;

/// What comes along to the mail's page and back, but for the fields that it has itself.
const KEPT: [&str; 4] = ["push_per_second", "push_per_day", "hours", "outcome"];

#[derive(Template)]
#[template(path = "staff/case_mail.html")]
struct MailPage {
    page: Page,
    title: &'static str,
    case_id: String,
    number: i64,
    act: &'static str,
    site_name: String,
    to: String,
    mailbox: Option<String>,
    untold: Option<&'static str>,
    /// Of the mail: as its text is marked for readers and browsers.
    language: String,
    language_name: &'static str,
    shown_subject: String,
    text: String,
    kept: Vec<(&'static str, String)>,
    reason: Field,
    subject: Field,
    body: Field,
    button: &'static str,
    danger: bool,
    errors: Vec<(String, String)>,
}

fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("Give the mail a subject.".to_owned()),
        n if n > SUBJECT_CHARS => Err(format!("At most {SUBJECT_CHARS} characters, please; this has {n}.")),
        _ if text.chars().any(char::is_control) => Err("A subject is one line.".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn paragraphs(text: &str) -> Result<String, String> {
    let text = text.trim().replace("\r\n", "\n");
    match text.chars().count() {
        0 => Err("Write what the mail says.".to_owned()),
        n if n > BODY_CHARS => Err(format!("At most {BODY_CHARS} characters, please; this has {n}.")),
        _ if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
            Err("This has characters that can't be shown.".to_owned())
        }
        _ => Ok(text),
    }
}

/// The mail as it was edited, if it was. Outer `None`: it can't be sent like this.
pub(super) fn typed(fields: &Fields, errors: &mut FieldErrors) -> Option<Option<Told>> {
    // A form that has neither field, or left both empty, wants the standard mail.
    if fields.text("subject").trim().is_empty() && fields.text("body").trim().is_empty() {
        return Some(None);
    }
    let (subject, body) = (fields.read("subject", errors, line), fields.read("body", errors, paragraphs));
    Some(Some(Told { subject: subject?, body: body? }))
}

fn title(act: Act) -> (&'static str, &'static str) {
    match act {
        Act::Warn => ("Warn", "Send and warn"),
        Act::Limit => ("Slow down", "Send and slow it down"),
        Act::PushOff => ("Switch push off", "Send and switch push off"),
        Act::Suspend => ("Suspend", "Send and suspend"),
        Act::Lift => ("Lift", "Send and lift"),
        Act::Close => ("Close", "Send and close"),
    }
}

/// A language of mails by its own name.
fn language_name(language: mail::Language) -> &'static str {
    let code = language.as_str();
    Language::OFFERED.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| *name)
}

/// The page that shows the mail of an act before anything happens.
pub(super) async fn page(
    hub: &Data<Hub>,
    staff: &Staff,
    id: CaseId,
    act: Act,
    typed: (&Fields, &FieldErrors),
    until: Option<Timestamp>,
) -> Result<HttpResponse, Error> {
    let (fields, errors) = typed;
    let (reason, again) = (fields.text("reason").trim().to_owned(), hub.clone());
    // What is typed is shown as it would go out, even if it can't be sent yet.
    let edited = fields.given("body").filter(|body| !body.trim().is_empty());
    let edited = edited.map(|body| Told { subject: fields.text("subject").trim().to_owned(), body: body.replace("\r\n", "\n") });
    let read = hub.db.read(move |conn| {
        let (case, site) = found(conn, id)?;
        let owner = site.account_id.map(|account| accounts::find(conn, account)).transpose()?.flatten();
        let told = match &edited {
            Some(edited) => edited.clone(),
            None => abuse::draft(conn, &again.clerk(), id, act.step(), &reason, until)?,
        };
        let seen = abuse::preview(conn, &again.clerk(), id, act.step(), &told)?;
        let untold = act == Act::Close && !abuse::is_told(conn, id)?;
        let mailbox = mailbox(conn, &site, owner.as_ref())?;
        Ok::<_, Error>((case, site, owner, (told, seen), (mailbox, untold)))
    });
    let (case, site, owner, (told, seen), (mailbox, untold)) = read.await?;
    let (mut subject, mut body) = (fields.field("subject", errors), fields.field("body", errors));
    for (field, standard) in [(&mut subject, told.subject), (&mut body, told.body)] {
        if field.value.trim().is_empty() && field.error.is_none() {
            field.value = standard;
        }
    }
    let (language, shown_subject, text) = match seen {
        Some((to, text)) => (mail::Language::of(&to.language), text.subject, text.text),
        None => (mail::Language::of(&site.language), subject.value.clone(), body.value.clone()),
    };
    let (title, button) = title(act);
    let page = MailPage {
        page: staff.visit.page(hub),
        title,
        case_id: id.to_string(),
        number: case.number,
        act: act.path(),
        to: contact(&site, owner.as_ref()),
        mailbox,
        untold: untold
            .then_some("The contact was told nothing of this case yet, so closing it sends no mail: what you write here stays here."),
        language: language.as_str().to_owned(),
        language_name: language_name(language),
        shown_subject,
        text,
        site_name: site.name,
        kept: KEPT.into_iter().filter_map(|name| fields.given(name).map(|value| (name, value.to_owned()))).collect(),
        reason: fields.field("reason", errors),
        subject,
        body,
        button,
        danger: matches!(act, Act::Suspend | Act::PushOff),
        errors: errors.listed(),
    };
    web::html(if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_mail_has_one_line_as_subject_and_some_text() {
        let read = |subject: &str, body: &str| {
            let (fields, mut errors) = (Fields::of([("subject", subject.to_owned()), ("body", body.to_owned())]), FieldErrors::default());
            (typed(&fields, &mut errors), errors.0.iter().map(|e| e.field).collect::<Vec<_>>())
        };
        assert_eq!(read(" ", "").0, Some(None));
        let told = Told { subject: "Hello".to_owned(), body: "One\n\ntwo".to_owned() };
        assert_eq!(read(" Hello ", "One\r\n\r\ntwo\n").0, Some(Some(told)));
        assert_eq!(read("a\r\nBcc: x@y.example", "x").1, ["subject"]);
        assert_eq!(read("", "x").1, ["subject"]);
        assert_eq!(read("x", "a\u{1}secret\u{1}").1, ["body"]);
        assert_eq!(read("x", &"y".repeat(10_001)).1, ["body"]);
    }
}
