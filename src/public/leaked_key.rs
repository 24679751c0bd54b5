use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::keys;
use crate::visit::{Posted, Visit};
use crate::web::{self, Field, Fields, Page};

#[derive(Template)]
#[template(path = "public/leaked_key.html")]
struct LeakedKeyPage {
    page: Page,
    key: Field,
    place: Field,
    errors: Vec<(String, String)>,
    /// It was sent: what was done is told to the owner, not to the finder.
    done: bool,
}

fn page(hub: &Hub, visit: &Visit, fields: &Fields, errors: &FieldErrors, done: bool, status: StatusCode) -> Result<HttpResponse, Error> {
    let page = LeakedKeyPage {
        page: visit.page(hub),
        key: fields.field("key", errors),
        place: fields.field("place", errors),
        errors: errors.listed(),
        done,
    };
    web::html(status, &page)
}

/// `GET /leaked-key`: for whoever has found an access key where it should not be.
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    page(&hub, &visit, &Fields::default(), &FieldErrors::default(), false, StatusCode::OK)
}

/// `POST /leaked-key`: a working key of this hub is revoked, and its owner told. Whoever has a key may do this: they could do worse.
pub async fn submit(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    if fields.text("key").trim().is_empty() {
        errors.add("key", "Put the key here that you have found.");
        return page(&hub, &visit, &fields, &errors, false, StatusCode::UNPROCESSABLE_ENTITY);
    }
    hub::pass(&hub.doors.leaks, visit.address)?;
    take(&hub, fields.text("key"), fields.text("place")).await?;
    // What was typed is a secret: it is not shown again.
    page(&hub, &visit, &Fields::default(), &errors, true, StatusCode::OK)
}

/// Takes a report. `true`: the key was a working one of this hub's, and is revoked.
///
/// # Errors
/// When it can't be written; then it is not revoked either.
pub async fn take(hub: &Data<Hub>, key: &str, place: &str) -> Result<bool, Error> {
    let (shared, now, key, place) = (hub.clone(), hub.clock.now(), key.trim().to_owned(), place.to_owned());
    let taken = hub.db.write(move |tx| keys::take_leak(tx, &shared.ring, &shared.desk, now, &key, &place).map_err(Error::from));
    let taken = taken.await?;
    if taken {
        tracing::warn!("an access key was reported as leaked and is revoked");
    }
    Ok(taken)
}
