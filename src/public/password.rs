use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::register;
use crate::accounts::{self, LinkError, NewPassword};
use crate::db::Conn;
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::mail::EmailAddress;
use crate::sites;
use crate::visit::{self, Posted, Visit};
use crate::web::{self, Field, Fields, Page, Redirect};

struct ForgotForm {
    email: Field,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "public/forgot.html")]
struct ForgotPage {
    page: Page,
    form: ForgotForm,
}

fn forgot_page(hub: &Hub, visit: &Visit, status: StatusCode, fields: &Fields, errors: &FieldErrors) -> Result<HttpResponse, Error> {
    let form = ForgotForm { email: fields.field("email", errors), errors: errors.listed() };
    web::html(status, &ForgotPage { page: visit.page(hub), form })
}

/// `GET /password/forgot`
pub async fn forgot(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    forgot_page(&hub, &visit, StatusCode::OK, &Fields::default(), &FieldErrors::default())
}

/// `POST /password/forgot`: says the same to everybody.
pub async fn send_link(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    match mail_link(&hub, &visit, &fields).await {
        Err(Error::Invalid(errors)) => forgot_page(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, &fields, &errors),
        other => other.and_then(|()| register::sent(&hub, &visit, fields.text("email").to_owned(), "reset", false)),
    }
}

/// Mails whoever has the typed address the link that helps, if anybody has it.
pub(super) async fn mail_link(hub: &Data<Hub>, visit: &Visit, fields: &Fields) -> Result<(), Error> {
    let email = EmailAddress::parse(fields.text("email")).map_err(|words| Error::field("email", words))?;
    hub::pass(&hub.doors.resets, visit.address)?;
    hub.doors.letter_to(&hub.ring, email.as_str())?;
    let (shared, now) = (hub.clone(), hub.clock.now());
    let site_of = |conn: &mut Conn, id| Ok(sites::find(conn, id)?.map(|site| (site.name, site.url)));
    let mailed = hub.db.write(move |tx| accounts::forgot(tx, &shared.desk, &shared.ring, now, &email, site_of));
    register::evenly(mailed).await.map_err(Error::from)
}

/// The query of a mailed link.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
    /// The first password of an account that somebody else made.
    #[serde(default)]
    welcome: String,
}

struct ResetForm {
    password: Field,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "public/reset.html")]
struct ResetPage {
    page: Page,
    form: ResetForm,
    token: String,
    welcome: bool,
    dead: bool,
}

fn reset_page(hub: &Hub, visit: &Visit, status: StatusCode, errors: &FieldErrors, link: &Link, dead: bool) -> Result<HttpResponse, Error> {
    let form = ResetForm { password: Fields::emptied("password", errors), errors: errors.listed() };
    let (token, welcome) = (link.token.clone(), !link.welcome.is_empty());
    web::html(status, &ResetPage { page: visit.page(hub), form, token, welcome, dead })
}

/// `GET /password/reset`: whether the link still works is said before anybody thinks of a password.
pub async fn reset(hub: Data<Hub>, visit: Visit, link: Query<Link>) -> Result<HttpResponse, Error> {
    let (shared, now, token) = (hub.clone(), hub.clock.now(), link.token.clone());
    let open = hub.db.read(move |conn| accounts::is_open(conn, &shared.ring, now, &token)).await?;
    let status = if open { StatusCode::OK } else { StatusCode::GONE };
    reset_page(&hub, &visit, status, &FieldErrors::default(), &link, !open)
}

/// `POST /password/reset`
pub async fn set(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let mut errors = FieldErrors::default();
    let link = Link { token: fields.text("token").to_owned(), welcome: fields.text("welcome").to_owned() };
    let Some(password) = fields.read("password", &mut errors, |_| NewPassword::parse(&fields.secret("password"))) else {
        return reset_page(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, &errors, &link, false).map(Either::Left);
    };
    hub::pass(&hub.doors.logins, visit.address)?;
    let hash = hub.passwords.hash(password).await?;
    let (shared, now, from, used) = (hub.clone(), hub.clock.now(), Some(visit.address), link.token.clone());
    let set = hub.db.write(move |tx| accounts::reset_password(tx, &shared.desk, &shared.ring, now, from, (&used, &hash))).await;
    match set {
        Ok(account) => {
            // The sessions of before are gone, this browser's too.
            let mut visit = visit;
            visit.session = None;
            let entered = visit::enter(&hub, &visit, account, "/my/sites").await?;
            Ok(Either::Right(entered.flash("ok", "Your new password is set.")))
        }
        Err(LinkError::Dead) => reset_page(&hub, &visit, StatusCode::GONE, &errors, &link, true).map(Either::Left),
        Err(LinkError::Fault(fault)) => Err(fault.into()),
    }
}
