use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::error::Error;
use crate::hub::Hub;
use crate::mail::{self, Slip, Topic};
use crate::visit::{Submitted, Visit};
use crate::web::{self, Page, Redirect};

#[derive(Template)]
#[template(path = "public/unsubscribe.html")]
struct UnsubscribePage {
    page: Page,
    token: String,
    /// Nothing: the link can't be read.
    letters: Option<Letters>,
}

struct Letters {
    mailbox: String,
    about: &'static str,
    stopped: bool,
}

/// The link of a letter.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// What letters of a topic are, after "letters that tell".
fn about(topic: Topic) -> &'static str {
    match topic {
        Topic::Reminders => "that an access key of a site is old",
        Topic::Notices => "what the hub's team wants to let everybody know",
        Topic::Push => "that a site is active, or that its push is on again",
    }
}

async fn page(hub: &Data<Hub>, visit: &Visit, token: &str) -> Result<HttpResponse, Error> {
    let letters = match Slip::read(&hub.ring, token) {
        Some(slip) => {
            let (mailbox, about) = (slip.masked(), about(slip.topic));
            let stopped = hub.db.read(move |conn| mail::is_stopped(conn, &slip.mailbox, slip.topic)).await?;
            Some(Letters { mailbox, about, stopped })
        }
        None => None,
    };
    let status = if letters.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    web::html(status, &UnsubscribePage { page: visit.page(hub), token: token.to_owned(), letters })
}

/// `GET /mail/unsubscribe`: asks whether letters like the one with this link are to stop. Programs that look at links change
/// nothing.
pub async fn show(hub: Data<Hub>, visit: Visit, link: Query<Link>) -> Result<HttpResponse, Error> {
    page(&hub, &visit, &link.token).await
}

/// `POST /mail/unsubscribe`: stops them, or lets them come again. A mail program stops them with one click of its own
/// (RFC 8058 3.2): it knows the token and nothing else, and that is enough. To let them come again takes the hub's own form.
pub async fn change(hub: Data<Hub>, visit: Visit, link: Query<Link>, form: Submitted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let Some(slip) = Slip::read(&hub.ring, &link.token) else { return Ok(Either::Left(page(&hub, &visit, &link.token).await?)) };
    let restarts = form.fields.text("act") == "restart";
    if restarts && !form.own {
        return Err(Error::OldForm);
    }
    let now = hub.clock.now();
    let written = hub.db.write(move |tx| match restarts {
        true => mail::restart(tx.conn(), &slip.mailbox, slip.topic),
        false => mail::stop(tx.conn(), &slip.mailbox, slip.topic, now),
    });
    written.await?;
    // A mail program is not sent elsewhere (RFC 8058 3.1).
    if !form.own {
        return Ok(Either::Left(page(&hub, &visit, &link.token).await?));
    }
    let said = if restarts { "Letters like this come again." } else { "Letters like this are stopped." };
    Ok(Either::Right(Redirect::to(format!("/mail/unsubscribe?token={}", link.token)).flash("ok", said)))
}
