//! The second step of a login: a code, a recovery code or a passkey after the password; or a passkey in its place.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::login::{self, local};
use crate::accounts::factors::{self, Asked, Factors, Kind};
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::visit::{self, HalfLogin, Posted, Shown, Visit};
use crate::web::{self, Field, Fields, Page, Redirect};

#[derive(Template)]
#[template(path = "public/second_factor.html")]
struct SecondPage {
    page: Page,
    code: Field,
    errors: Vec<(String, String)>,
    /// There is nothing to go on with: the password has to come first, again.
    over: bool,
    totp: bool,
    passkey: bool,
}

async fn page(hub: &Hub, visit: &Visit, half: &HalfLogin, status: StatusCode, errors: &FieldErrors) -> Result<HttpResponse, Error> {
    let account = half.account;
    let factors = hub.db.read(move |conn| Factors::of(conn, account)).await.map_err(Error::from)?;
    let page = SecondPage {
        page: visit.page(hub),
        code: Fields::emptied("code", errors),
        errors: errors.listed(),
        over: false,
        totp: factors.totp,
        passkey: !factors.passkeys.is_empty() && hub.passkeys.is_there(),
    };
    web::html(status, &page)
}

/// The password was right too long ago, or not at all.
fn over(hub: &Hub, visit: &Visit) -> Result<HttpResponse, Error> {
    let page = SecondPage { page: visit.page(hub), code: Field::default(), errors: Vec::new(), over: true, totp: false, passkey: false };
    web::html(StatusCode::GONE, &page)
}

/// `GET /login/second`
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<Either<HttpResponse, Redirect>, Error> {
    match &visit.half {
        Some(half) => page(&hub, &visit, half, StatusCode::OK, &FieldErrors::default()).await.map(Either::Left),
        None if visit.session.is_some() => Ok(Either::Right(Redirect::to("/my/sites"))),
        None => over(&hub, &visit).map(Either::Left),
    }
}

/// `POST /login/second`: a code of the app, or a recovery code.
pub async fn submit(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let Some(half) = visit.half.clone() else { return over(&hub, &visit).map(Either::Left) };
    hub.doors.factor_of(half.account)?;
    let next = local(&half.next).unwrap_or("/my/sites").to_owned();
    let shown = Shown::Code(half.clone(), fields.text("code").to_owned());
    if let Some(entered) = visit::enter_with(&hub, &visit, shown, &next).await? {
        return Ok(Either::Right(entered));
    }
    let mut errors = FieldErrors::default();
    errors.add("code", "This code is not right, or was used already. Wait for the next one in your app, or use a recovery code.");
    page(&hub, &visit, &half, StatusCode::UNPROCESSABLE_ENTITY, &errors).await.map(Either::Left)
}

/// Whether a passkey is to stand for itself, also where a login of this browser is half done.
#[derive(Deserialize)]
pub struct Alone {
    #[serde(default)]
    alone: String,
}

/// `POST /login/passkey/begin`: what the browser's script is to ask its authenticators. After the password, and for
/// somebody who is logged in, it is one of their own; before, it is whichever they have for this hub, so that the answer
/// tells nothing of any account.
pub async fn begin(hub: Data<Hub>, visit: Visit, alone: Query<Alone>, _: Posted) -> Result<Json<Asked>, Error> {
    hub::pass(&hub.doors.ceremonies, visit.address)?;
    if !hub.passkeys.is_there() {
        return Err(Error::NotFound);
    }
    let (kind, account) = match (&visit.session, &visit.half) {
        (Some((_, account)), _) => (Kind::Prove, Some(account.id)),
        (None, Some(half)) if alone.alone.is_empty() => (Kind::Login, Some(half.account)),
        (None, _) => (Kind::Login, None),
    };
    let (rp, ring, now) = (hub.passkeys.clone(), hub.ring.clone(), hub.clock.now());
    let asked = hub.db.write(move |tx| factors::ask(tx, &rp, &ring, now, kind, account));
    Ok(Json(asked.await.map_err(Error::from)?))
}

/// `POST /login/passkey`: an authenticator's answer, after the password or in its place.
pub async fn passkey(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let words = "The passkey did not answer as it should, or took too long. Try again, or log in without it.";
    let mut errors = FieldErrors::default();
    let reply = visit::reply_of(&fields, "ceremony", "credential");
    let Some(half) = visit.half.clone().filter(|_| !fields.on("alone")) else {
        hub::pass(&hub.doors.logins, visit.address)?;
        let next = local(fields.text("next")).unwrap_or("/my/sites").to_owned();
        if let Some(reply) = reply
            && let Some(entered) = visit::enter_with(&hub, &visit, Shown::Alone(reply), &next).await?
        {
            return Ok(Either::Right(entered));
        }
        errors.add("form", words);
        return login::page(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, &fields, &errors, &next).map(Either::Left);
    };
    hub.doors.factor_of(half.account)?;
    let next = local(&half.next).unwrap_or("/my/sites").to_owned();
    if let Some(reply) = reply
        && let Some(entered) = visit::enter_with(&hub, &visit, Shown::Second(half.clone(), reply), &next).await?
    {
        return Ok(Either::Right(entered));
    }
    errors.add("form", words);
    page(&hub, &visit, &half, StatusCode::UNPROCESSABLE_ENTITY, &errors).await.map(Either::Left)
}
