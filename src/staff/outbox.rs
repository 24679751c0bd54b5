use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::search::plain;
use crate::accounts::{Role, team};
use crate::audit::{self, About, Event};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::LetterId;
use crate::mail::ledger::{self, Shelf, Which};
use crate::mail::{self, LetterState, Posted as Letter};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Opt, Page, Redirect, When, options};

/// How many letters a page lists.
const PAGE: usize = 50;

/// A letter on a list.
pub struct LetterRow {
    pub id: String,
    pub at: When,
    pub to: String,
    pub subject: String,
    pub state: Badge,
    pub tries: u64,
    pub error: Option<String>,
}

impl LetterRow {
    pub fn new(letter: &Letter) -> Self {
        Self {
            id: letter.id.to_string(),
            at: letter.created_at.into(),
            to: letter.to_address.clone(),
            subject: letter.subject.clone(),
            state: match letter.state() {
                LetterState::Waiting => Badge::new("idle", "Waiting"),
                LetterState::Retrying => Badge::new("warn", "Trying again"),
                LetterState::Sent => Badge::new("ok", "Sent"),
                LetterState::GivenUp => Badge::new("bad", "Given up"),
            },
            tries: u64::try_from(letter.tries).unwrap_or(0),
            error: letter.error.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "staff/outbox.html")]
struct OutboxPage {
    page: Page,
    letters: Vec<LetterRow>,
    smtp: bool,
    next: Option<String>,
    states: Vec<Opt>,
    mailbox: String,
    is_filtered: bool,
    refusing: Vec<RefusingRow>,
    may_act: bool,
}

/// A mailbox that refuses letters.
struct RefusingRow {
    mailbox: String,
    at: When,
    why: String,
    letter: Option<String>,
}

/// How many refusing mailboxes the page lists.
const REFUSING: i64 = 100;

/// What is asked for, as it was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    state: String,
    mailbox: String,
    before: String,
}

impl Asked {
    /// The same question as the end of an address, for what is older than a letter.
    fn older_than(&self, letter: LetterId) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("state", &self.state), ("mailbox", &self.mailbox)].into_iter().filter(|(_, value)| !value.is_empty()));
        query.append_pair("before", &letter.to_string()).finish()
    }
}

/// `GET /staff/outbox`
pub async fn index(hub: Data<Hub>, staff: Staff, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let mut asked = asked.into_inner();
    asked.mailbox = plain(&asked.mailbox);
    let shelf = Shelf { state: Which::parse(&asked.state), mailbox: asked.mailbox.clone(), before: asked.before.parse().ok() };
    let read = hub.db.read(move |conn| Ok::<_, Error>((ledger::list(conn, &shelf, PAGE as i64 + 1)?, mail::refusing(conn, REFUSING)?)));
    let (mut found, refusing) = read.await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let states = [("", "Any state")].into_iter().chain(Which::ALL.iter().map(|(_, word, label)| (*word, *label)));
    let refusing = refusing.into_iter().map(|row| RefusingRow {
        mailbox: row.email_key,
        at: row.at.into(),
        why: row.why,
        letter: row.letter_id.map(|id| id.to_string()),
    });
    let page = OutboxPage {
        page: staff.visit.page(&hub),
        next: found.last().filter(|_| more).map(|last| asked.older_than(last.id)),
        letters: found.iter().map(LetterRow::new).collect(),
        smtp: hub.sends_mail,
        states: options(states, &asked.state),
        is_filtered: !asked.state.is_empty() || !asked.mailbox.is_empty(),
        refusing: refusing.collect(),
        may_act: staff.account.role.is_some_and(|role| role.may(Role::Reviewer)),
        mailbox: asked.mailbox,
    };
    web::html(StatusCode::OK, &page)
}

/// `POST /staff/outbox/refusing/clear`: the mailbox is tried again with the next letter.
pub async fn clear(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Redirect, Error> {
    let (now, by, mailbox) = (hub.clock.now(), staff.actor(), fields.text("mailbox").to_owned());
    let cleared = hub.db.write(move |tx| {
        tx.alone()?;
        if !ledger::clear_refusing(tx.conn(), &mailbox)? {
            return Ok(false);
        }
        let account = team::by_mail(tx.conn(), &mailbox)?.map(|account| account.id);
        audit::note(tx, now, by, Event::MailboxCleared, About { site: None, account }, None)?;
        Ok::<_, Error>(true)
    });
    let back = Redirect::to("/staff/outbox");
    Ok(match cleared.await? {
        true => back.flash("ok", "The mailbox gets letters again. Those that were given up can be sent again one by one."),
        false => back.flash("warn", "This mailbox is not known to refuse letters."),
    })
}

#[derive(Template)]
#[template(path = "staff/letter.html")]
struct LetterPage {
    page: Page,
    letter: LetterRow,
    text: String,
    links: Vec<String>,
    can_send: bool,
    why_not: Option<&'static str>,
}

const LINK_LOST: &str =
    "The link in this letter works no more, so it can't be sent again. Its receiver gets a new one by \"Forgot your password?\".";

/// `GET /staff/outbox/{letter}`. The secrets of links are shown in the local profile without SMTP only, where this page
/// is the mailbox; else they are their receiver's.
pub async fn show(hub: Data<Hub>, staff: Staff, letter: Path<LetterId>) -> Result<HttpResponse, Error> {
    let id = letter.into_inner();
    let letter = hub.db.read(move |conn| mail::find(conn, id)).await?.ok_or(Error::NotFound)?;
    let text = if hub.shows_letters() { letter.full_text() } else { letter.masked_text() };
    let links = text.split_whitespace().filter(|word| word.starts_with("http://") || word.starts_with("https://")).map(str::to_owned);
    let unsent = letter.state() != LetterState::Sent;
    let page = LetterPage {
        page: staff.visit.page(&hub),
        letter: LetterRow::new(&letter),
        links: links.collect(),
        text,
        can_send: unsent && !letter.has_lost_its_link(),
        why_not: (unsent && letter.has_lost_its_link()).then_some(LINK_LOST),
    };
    web::html(StatusCode::OK, &page)
}

/// `POST /staff/outbox/{letter}/again`: the next turn of the outbox sends it.
pub async fn again(hub: Data<Hub>, _: Staff, letter: Path<LetterId>) -> Result<Redirect, Error> {
    let (id, now) = (letter.into_inner(), hub.clock.now());
    let made_due = hub.db.write(move |tx| {
        let letter = mail::find(tx.conn(), id)?.ok_or(Error::NotFound)?;
        if letter.state() != LetterState::Sent && letter.has_lost_its_link() {
            return Err(Error::Conflict(LINK_LOST.into()));
        }
        if mail::again(tx.conn(), id, now)? { Ok(()) } else { Err(Error::Conflict("This letter is sent already.".into())) }
    });
    made_due.await?;
    let back = Redirect::to(format!("/staff/outbox/{id}"));
    Ok(if hub.sends_mail {
        back.flash("ok", "The letter is sent within a few seconds.")
    } else {
        back.flash("warn", "The letter waits: no SMTP server is set (mail.smtp_url).")
    })
}
