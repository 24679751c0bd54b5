use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;

use crate::error::Error;
use crate::hub::Hub;
use crate::ids::LetterId;
use crate::mail::{self, LetterState, Posted};
use crate::my::sites::Cursor;
use crate::visit::Staff;
use crate::web::{self, Badge, Page, Redirect, When};

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
    pub fn new(letter: &Posted) -> Self {
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
}

/// `GET /staff/outbox`
pub async fn index(hub: Data<Hub>, staff: Staff, cursor: Query<Cursor<LetterId>>) -> Result<HttpResponse, Error> {
    let before = cursor.before;
    let mut found = hub.db.read(move |conn| mail::page(conn, before, PAGE as i64 + 1)).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let letters = found.iter().map(LetterRow::new).collect();
    web::html(StatusCode::OK, &OutboxPage { page: staff.visit.page(&hub), letters, smtp: hub.sends_mail, next })
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
