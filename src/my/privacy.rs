//! What the hub knows of somebody: a copy of it, and its end.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{Either, HttpResponse};
use anyhow::Context;
use askama::Template;
use futures_util::stream;

use crate::audit::{self, Event};
use crate::db::{Fault, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::privacy::{self, Export, in_words};
use crate::sites;
use crate::visit::{self, Owner, Posted};
use crate::web::{self, Field, Fields, Page, Redirect};

/// How many steps of an erasure its owner waits for; what is left is done by a job.
const STEPS: usize = 200;

#[derive(Template)]
#[template(path = "my/export.html")]
struct ExportPage {
    page: Page,
}

/// `GET /account/export`
pub async fn export(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    web::html(StatusCode::OK, &ExportPage { page: owner.visit.page(&hub) })
}

/// `POST /account/export`: a file, piece by piece, however much there is.
pub async fn download(hub: Data<Hub>, owner: Owner, _: Posted) -> Result<HttpResponse, Error> {
    let (now, by, account) = (hub.clock.now(), owner.actor(), owner.account.id);
    hub.doors.exports.take(&account).map_err(Error::Limited)?;
    // The last pushes are in it too.
    hub.fresh_counts().await;
    hub.db.write(move |tx| audit::note(tx, now, by, Event::AccountExported, account, None)).await?;
    let name = format!("belfry-export-{}.json", now.rfc3339().split('T').next().unwrap_or_default());
    let pieces = stream::try_unfold((hub, Export::of(owner.account, now)), |(hub, mut export)| async move {
        let read = hub.db.read(move |conn| Ok::<_, Fault>((export.piece(conn)?, export)));
        // An error cuts the connection: no reader takes half a file for a whole one.
        let (piece, export) = read.await.context("an export broke off")?;
        anyhow::Ok(piece.map(|piece| (Bytes::from(piece), (hub, export))))
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(pieces))
}

#[derive(Template)]
#[template(path = "my/erase.html")]
struct ErasePage {
    page: Page,
    email: String,
    sites: Vec<String>,
    is_staff: bool,
    reports_for: String,
    confirm: Field,
    errors: Vec<(String, String)>,
}

async fn page(hub: &Hub, owner: &Owner, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let account = owner.account.id;
    let sites = hub.db.read(move |conn| sites::of_account(conn, account)).await?;
    let page = ErasePage {
        page: owner.visit.page(hub),
        email: owner.account.email.clone(),
        sites: sites.into_iter().map(|site| site.name).collect(),
        is_staff: owner.account.role.is_some(),
        reports_for: in_words(hub.privacy.keeps.reports_for),
        confirm: fields.field("confirm", errors),
        errors: errors.listed(),
    };
    web::html(status, &page)
}

/// `GET /account/delete`: what goes, what stays and why.
pub async fn leave(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    page(&hub, &owner, &Fields::default(), &FieldErrors::default(), StatusCode::OK).await
}

/// `POST /account/delete`: for who has typed their address. There is no way back.
pub async fn erase(hub: Data<Hub>, owner: Owner, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (email, typed) = (&owner.account.email, fields.text("confirm").trim());
    if typed.to_lowercase() != email.to_lowercase() {
        let mut errors = FieldErrors::default();
        errors.add("confirm", format!("Type {email} to confirm."));
        return page(&hub, &owner, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    }
    let (now, by, account) = (hub.clock.now(), owner.actor(), owner.account.id);
    hub.db.write(move |tx| privacy::ask(tx, now, by, account)).await?;
    let gone = erase_now(&hub, account).await.unwrap_or_else(|error| {
        // It is marked, and the job goes on with it.
        tracing::warn!(%error, "an account could not be erased at once");
        false
    });
    let words = if gone {
        "Your account is erased, with what belonged to it. A last mail says so."
    } else {
        "Your account is closed. What belongs to it is being erased; that takes some minutes. A last mail says when it is done."
    };
    Ok(Either::Right(Redirect::to("/").cookie(visit::no_session_cookie(&hub)).flash("ok", words)))
}

async fn erase_now(hub: &Data<Hub>, account: crate::ids::AccountId) -> Result<bool, Error> {
    let (shared, now) = (hub.clone(), hub.clock.now());
    let step = move |tx: &mut Tx| privacy::go_on(tx, &shared.desk, now, account);
    for _ in 0..STEPS {
        if hub.db.write(step.clone()).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
