use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use crate::accounts::factors::Factors;
use crate::accounts::{self, Credentials, NewPassword, PersonName};
use crate::db::Fault;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SessionId;
use crate::visit::{Owner, Posted};
use crate::web::{self, Field, Fields, Page, Redirect, When};

struct AccountForm {
    name: Field,
    current_password: Field,
    new_password: Field,
    errors: Vec<(String, String)>,
}

struct SessionRow {
    id: String,
    started: When,
    seen: When,
    address: String,
    browser: String,
    agent: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "my/account.html")]
struct AccountPage {
    page: Page,
    name: String,
    email: String,
    form: AccountForm,
    sessions: Vec<SessionRow>,
    /// Who came by a mailed link has none yet.
    has_password: bool,
    /// What guards the account beside the password.
    guard: String,
    /// A member of the team without a second factor.
    reminded: bool,
    held: bool,
}

async fn page(hub: &Hub, owner: &Owner, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let (account, now) = (owner.account.id, hub.clock.now());
    let read = hub.db.read(move |conn| {
        let (sessions, known) = (accounts::sessions_of(conn, account, now)?, Credentials::of(conn, account)?);
        Ok::<_, Fault>((sessions, known, Factors::of(conn, account)?))
    });
    let (sessions, known, factors) = read.await?;
    let rows = sessions.into_iter().map(|session| SessionRow {
        current: session.id == owner.session.id,
        id: session.id.to_string(),
        started: session.created_at.into(),
        seen: session.seen_at.into(),
        address: session.address,
        browser: accounts::browser(&session.agent),
        agent: session.agent,
    });
    let form = AccountForm {
        name: fields.field("name", errors),
        current_password: Fields::emptied("current_password", errors),
        new_password: Fields::emptied("new_password", errors),
        errors: errors.listed(),
    };
    let page = AccountPage {
        page: owner.visit.page(hub),
        name: owner.account.name.clone(),
        email: owner.account.email.clone(),
        form,
        sessions: rows.collect(),
        has_password: known.is_some_and(|known| known.password_hash.is_some()),
        guard: guard(&factors),
        reminded: owner.visit.held || (owner.account.role.is_some() && !factors.any()),
        held: owner.visit.held,
    };
    web::html(status, &page)
}

fn guard(factors: &Factors) -> String {
    match (factors.totp, factors.passkeys.len()) {
        (false, 0) => "Your password alone guards this account.".into(),
        (true, 0) => "Your password and an authenticator app guard this account.".into(),
        (false, 1) => "Your password and a passkey guard this account.".into(),
        (false, n) => format!("Your password and {n} passkeys guard this account."),
        (true, n) => format!("Your password, an authenticator app and passkeys ({n}) guard this account."),
    }
}

fn filled(owner: &Owner) -> Fields {
    Fields::of([("name", owner.account.name.clone())])
}

/// `GET /account`
pub async fn show(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    page(&hub, &owner, &filled(&owner), &FieldErrors::default(), StatusCode::OK).await
}

/// `POST /account/profile`
pub async fn profile(hub: Data<Hub>, owner: Owner, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let mut errors = FieldErrors::default();
    let Some(name) = fields.read("name", &mut errors, PersonName::parse) else {
        return page(&hub, &owner, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let account = owner.account.id;
    hub.db.write(move |tx| accounts::change_name(tx, account, &name)).await?;
    Ok(Either::Right(Redirect::to("/account").flash("ok", "Saved.")))
}

/// `POST /account/password`: asks for the old one, if there is one, as often as a second factor may be tried.
pub async fn password(hub: Data<Hub>, owner: Owner, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let mut errors = FieldErrors::default();
    let account = owner.account.id;
    hub.doors.factor_of(account)?;
    let known = hub.db.read(move |conn| Credentials::of(conn, account)).await?;
    let right = match known.and_then(|known| known.password_hash) {
        // Who came by a mailed link, as a Moodle's contact does, chooses the first one.
        None => true,
        hash => hub.passwords.verify(fields.secret("current_password"), hash).await?,
    };
    if !right {
        errors.add("current_password", "This is not your password.");
    }
    let new = fields.read("new_password", &mut errors, |_| NewPassword::parse(&fields.secret("new_password")));
    let (Some(new), true) = (new, right) else {
        return page(&hub, &owner, &filled(&owner), &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let hash = hub.passwords.hash(new).await?;
    let (desk, now, by, kept) = (hub.desk.clone(), hub.clock.now(), owner.actor(), owner.session.id);
    hub.db.write(move |tx| accounts::change_password(tx, &desk, now, by, &hash, kept)).await?;
    Ok(Either::Right(Redirect::to("/account").flash("ok", "Your password is changed. Other devices are logged out.")))
}

/// `POST /account/sessions/{session}/end`
pub async fn end_session(hub: Data<Hub>, owner: Owner, session: Path<SessionId>, _: Posted) -> Result<Redirect, Error> {
    let (account, id, now, by) = (owner.account.id, session.into_inner(), hub.clock.now(), owner.actor());
    let ended = hub.db.write(move |tx| accounts::revoke_session(tx, now, by, account, id));
    if !ended.await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to("/account").flash("ok", "That login is ended."))
}

/// `POST /account/sessions/end-others`: all logins but this one.
pub async fn end_others(hub: Data<Hub>, owner: Owner, _: Posted) -> Result<Redirect, Error> {
    let (account, kept, now, by) = (owner.account.id, owner.session.id, hub.clock.now(), owner.actor());
    let ended = hub.db.write(move |tx| accounts::revoke_other_sessions(tx, now, by, account, kept)).await?;
    let to = Redirect::to("/account");
    Ok(match ended {
        0 => to.flash("ok", "There was no other login."),
        1 => to.flash("ok", "The other login is ended."),
        n => to.flash("ok", &format!("{n} other logins are ended.")),
    })
}
