use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts;
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::mail::EmailAddress;
use crate::visit::{self, Posted, Visit};
use crate::web::{self, Field, Fields, Page, Redirect};

struct LoginForm {
    email: Field,
    password: Field,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "public/login.html")]
struct LoginPage {
    page: Page,
    form: LoginForm,
    next: String,
    /// Passkeys can be used here.
    passkeys: bool,
}

/// Where to go after the login.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// A path of this hub, and nothing else: not `//elsewhere`, not `/\elsewhere`.
pub(super) fn local(next: &str) -> Option<&str> {
    let mut bytes = next.bytes();
    let good = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    good.then_some(next)
}

pub(super) fn page(
    hub: &Hub,
    visit: &Visit,
    status: StatusCode,
    fields: &Fields,
    errors: &FieldErrors,
    next: &str,
) -> Result<HttpResponse, Error> {
    let form = LoginForm { email: fields.field("email", errors), password: Fields::emptied("password", errors), errors: errors.listed() };
    let next = local(next).unwrap_or_default().to_owned();
    web::html(status, &LoginPage { page: visit.page(hub), form, next, passkeys: hub.passkeys.is_there() })
}

/// `GET /login`
pub async fn show(hub: Data<Hub>, visit: Visit, next: Query<Next>) -> Result<Either<HttpResponse, Redirect>, Error> {
    if visit.session.is_some() {
        return Ok(Either::Right(Redirect::to(local(&next.next).unwrap_or("/my/sites"))));
    }
    page(&hub, &visit, StatusCode::OK, &Fields::default(), &FieldErrors::default(), &next.next).map(Either::Left)
}

/// `POST /login`: the answer does not tell whether the address has an account, nor, before the password is right, whether
/// that has a second factor or is disabled.
pub async fn submit(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    hub::pass(&hub.doors.logins, visit.address)?;
    hub.doors.login_to(&hub.ring, fields.text("email"))?;
    // What is no address is nobody's, and is answered like an unknown one.
    let known = match EmailAddress::parse(fields.text("email")) {
        Ok(email) => hub.db.read(move |conn| accounts::log_in(conn, &email)).await?,
        Err(_) => None,
    };
    let (account, hash) = known.map_or((None, None), |known| (Some(known.id), known.password_hash));
    let right = hub.passwords.verify(fields.secret("password"), hash).await?;
    match account {
        Some(account) if right => {
            let next = local(fields.text("next")).unwrap_or("/my/sites").to_owned();
            Ok(Either::Right(visit::enter(&hub, &visit, account, &next).await?))
        }
        _ => {
            let mut errors = FieldErrors::default();
            errors.add(
                "email",
                "No account has this e-mail address with this password. If you have just registered, follow the link in our mail first.",
            );
            page(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, &fields, &errors, fields.text("next")).map(Either::Left)
        }
    }
}

/// `POST /logout`
pub async fn logout(hub: Data<Hub>, visit: Visit, _: Posted) -> Result<Redirect, Error> {
    if let Some((session, _)) = &visit.session {
        let id = session.id;
        hub.db.write(move |tx| accounts::end_session(tx.conn(), id)).await?;
    }
    Ok(Redirect::to("/").cookie(visit::no_session_cookie(&hub)).flash("ok", "You are logged out."))
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn a_login_never_leads_elsewhere() {
        for good in ["/", "/my/sites", "/my/sites/1?x=2"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil",
            "/a\r\nSet-Cookie: x",
            "evil",
            "%2f%2fevil.example",
            "https:evil.example",
            "javascript:alert(1)",
        ] {
            assert_eq!(local(bad), None, "{bad}");
        }
    }
}
