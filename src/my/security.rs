//! What guards an account beside its password: `/account/security`, the authenticator app, recovery codes.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Either, HttpResponse};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use qrcode::{Color, EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::factors::{self, Factors, Hand, TotpSecret, TotpSet};
use crate::db::{Fault, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::visit::{Owner, Posted};
use crate::web::{self, Field, Fields, Page, Redirect, When};

/// A passkey, as the page lists it.
struct PasskeyRow {
    id: String,
    name: String,
    created: When,
    used: Option<When>,
}

#[derive(Template)]
#[template(path = "my/security.html")]
struct SecurityPage {
    page: Page,
    totp: bool,
    totp_used: Option<When>,
    passkeys: Vec<PasskeyRow>,
    /// Passkeys can be used here.
    has_passkeys: bool,
    passkey_name: Field,
    errors: Vec<(String, String)>,
    recovery: Option<String>,
    recovery_used: Option<When>,
    /// A member of the team: without a second factor the staff pages stay shut on a public hub.
    held: bool,
    /// A member of the team of a local hub, who is only reminded.
    reminded: bool,
}

/// The page with what is wrong with the form for a passkey.
pub(super) async fn page(
    hub: &Hub,
    owner: &Owner,
    fields: &Fields,
    errors: &FieldErrors,
    status: StatusCode,
) -> Result<HttpResponse, Error> {
    let account = owner.account.id;
    let factors = hub.db.read(move |conn| Factors::of(conn, account)).await.map_err(Error::from)?;
    let guarded = factors.any();
    let page = SecurityPage {
        page: owner.visit.page(hub),
        totp: factors.totp,
        totp_used: factors.totp_used_at.map(Into::into),
        has_passkeys: hub.passkeys.is_there(),
        passkey_name: fields.field("name", errors),
        errors: errors.listed(),
        recovery: guarded.then(|| left(factors.recovery_left)),
        recovery_used: factors.recovery_used_at.map(Into::into),
        held: owner.visit.held,
        reminded: owner.account.role.is_some() && !guarded,
        passkeys: factors
            .passkeys
            .into_iter()
            .map(|passkey| PasskeyRow {
                id: passkey.id.to_string(),
                created: passkey.created_at.into(),
                used: passkey.used_at.map(Into::into),
                name: passkey.name,
            })
            .collect(),
    };
    web::html(status, &page)
}

fn left(count: i64) -> String {
    match count {
        0 => "None is left. Make new ones.".to_owned(),
        1 => "One is left. Make new ones soon.".to_owned(),
        n => format!("{n} are left."),
    }
}

/// `GET /account/security`
pub async fn show(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    let fields = Fields::of([("name", crate::accounts::browser(&owner.visit.agent))]);
    page(&hub, &owner, &fields, &FieldErrors::default(), StatusCode::OK).await
}

/// A QR code as the path of an SVG: a square for each dark module, with the quiet border that scanners want.
struct Qr {
    size: usize,
    path: String,
}

/// Modules of white around a code (ISO 18004).
const QUIET: usize = 4;

impl Qr {
    fn of(text: &str) -> Option<Self> {
        use std::fmt::Write;
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                // Writing to a String can't fail.
                let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
            }
        }
        Some(Self { size: width + 2 * QUIET, path })
    }
}

#[derive(Template)]
#[template(path = "my/totp.html")]
struct TotpPage {
    page: Page,
    /// It is set up already.
    on: bool,
    used: Option<When>,
    held: bool,
    secret: String,
    /// The same, sealed, on its way through the form.
    sealed: String,
    qr: Option<Qr>,
    code: Field,
    errors: Vec<(String, String)>,
}

async fn totp_page(hub: &Hub, owner: &Owner, secret: TotpSecret, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let account = owner.account.id;
    let factors = hub.db.read(move |conn| Factors::of(conn, account)).await.map_err(Error::from)?;
    let page = TotpPage {
        page: owner.visit.page(hub),
        on: factors.totp,
        used: factors.totp_used_at.map(Into::into),
        held: owner.visit.held,
        secret: secret.in_groups(),
        sealed: URL_SAFE_NO_PAD.encode(secret.sealed(&hub.ring, account)),
        qr: Qr::of(&secret.uri(&hub.name, &owner.account.email)),
        code: Fields::emptied("code", errors),
        errors: errors.listed(),
    };
    web::html(status, &page)
}

/// `GET /account/totp`: a new secret each time, which is the account's only once a code has confirmed it.
pub async fn totp(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    totp_page(&hub, &owner, TotpSecret::random(), &FieldErrors::default(), StatusCode::OK).await
}

/// Does something with the factors of whoever is logged in, in one transaction.
pub(super) async fn act<T: Send + 'static>(
    hub: &Hub,
    owner: &Owner,
    act: impl Fn(&mut Tx, &Hand) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Error> {
    let (desk, ring, now, by, account) = (hub.desk.clone(), hub.ring.clone(), hub.clock.now(), owner.actor(), owner.account.id);
    let done = hub.db.write(move |tx| act(tx, &Hand { desk: &desk, ring: &ring, now, by, account }));
    Ok(done.await?)
}

/// `POST /account/totp`: the code shows that the app has the secret.
pub async fn set_totp(hub: Data<Hub>, owner: Owner, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    hub.doors.factor_of(owner.account.id)?;
    let sealed = URL_SAFE_NO_PAD.decode(fields.text("secret")).unwrap_or_default();
    let Some(secret) = TotpSecret::open(&hub.ring, owner.account.id, &sealed) else {
        let mut errors = FieldErrors::default();
        errors.add("code", "This form can't be read any more. Take up the new code below with your app, and type what it shows.");
        let page = totp_page(&hub, &owner, TotpSecret::random(), &errors, StatusCode::UNPROCESSABLE_ENTITY);
        return page.await.map(Either::Left);
    };
    let (typed, code, kept) = (secret.clone(), fields.text("code").to_owned(), owner.session.id);
    let set = act(&hub, &owner, move |tx, hand| factors::set_totp(tx, hand, &typed, &code, kept)).await?;
    match set {
        TotpSet::Done(Some(codes)) => codes_page(&hub, &owner, codes, true).map(Either::Left),
        TotpSet::Done(None) => {
            let words = "Your authenticator app is set up. Other devices are logged out.";
            Ok(Either::Right(Redirect::to("/account/security").flash("ok", words)))
        }
        TotpSet::Already => {
            Ok(Either::Right(Redirect::to("/account/totp").flash("warn", "An app is set up already. Switch that off first.")))
        }
        TotpSet::WrongCode => {
            let mut errors = FieldErrors::default();
            errors.add("code", "This is not the code that the app shows now. Check that its clock is right, and type the next one.");
            totp_page(&hub, &owner, secret, &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left)
        }
    }
}

/// `POST /account/totp/off`
pub async fn totp_off(hub: Data<Hub>, owner: Owner, _: Posted) -> Result<Redirect, Error> {
    let to = Redirect::to("/account/security");
    Ok(if act(&hub, &owner, factors::clear_totp).await? {
        to.flash("ok", "The authenticator app is switched off.")
    } else {
        to.flash("warn", "There was no authenticator app to switch off.")
    })
}

#[derive(Template)]
#[template(path = "my/recovery.html")]
struct RecoveryPage {
    page: Page,
    codes: Vec<String>,
    /// They come with the first factor.
    first: bool,
}

/// The page that shows recovery codes, once.
pub(super) fn codes_page(hub: &Hub, owner: &Owner, codes: Vec<SecretString>, first: bool) -> Result<HttpResponse, Error> {
    let codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    web::html(StatusCode::CREATED, &RecoveryPage { page: owner.visit.page(hub), codes, first })
}

/// `POST /account/recovery`: new codes in the place of the old ones. The answer shows them, once.
pub async fn recovery(hub: Data<Hub>, owner: Owner, _: Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    match act(&hub, &owner, factors::new_codes).await? {
        Some(codes) => codes_page(&hub, &owner, codes, false).map(Either::Left),
        None => {
            let why = "Recovery codes stand in for a second factor. Set one up first; the codes come with it.";
            Ok(Either::Right(Redirect::to("/account/security").flash("warn", why)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_has_its_corners_and_its_border() {
        let qr = Qr::of("otpauth://totp/Belfry:ada@school.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Belfry").unwrap();
        assert!(qr.path.starts_with("M4 4h1v1h-1zM5 4h1"), "{}", &qr.path[..40]);
        assert!(qr.size > 40 && !qr.path.contains(&format!("M{} ", qr.size - QUIET)));
    }
}
