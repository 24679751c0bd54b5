use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::sites::{Answer, reason, to};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{KeyId, SiteId};
use crate::keys::{self, Rotation};
use crate::my::keys::overlap;
use crate::my::views::SiteHead;
use crate::sites;
use crate::visit::{Posted, Staff};
use crate::web::{self, Page, When};

#[derive(Template)]
#[template(path = "staff/key_new.html")]
struct NewKeyPage {
    page: Page,
    site: SiteHead,
    key: String,
    instead_of: String,
    until: Option<When>,
}

/// `POST /staff/sites/{site}/keys/{key}/rotate`: the answer shows the successor, once, to be handed to the site's admin.
pub async fn rotate(hub: Data<Hub>, staff: Staff, path: Path<(SiteId, KeyId)>, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let (id, key) = path.into_inner();
    let overlap = overlap(&hub, &fields)?;
    let reason = match reason(&hub, &staff, id, &format!("key-{key}"), &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(page),
    };
    let (now, by, ring) = (hub.clock.now(), staff.actor(), hub.ring.clone());
    let rotated = hub.db.write(move |tx| {
        let site = sites::find(tx.conn(), id)?.ok_or(Error::NotFound)?;
        let old = keys::find(tx.conn(), id, key)?.ok_or(Error::NotFound)?;
        let note = format!(": {}", reason.as_str());
        Ok::<_, Error>((site, old, keys::rotate(tx, &ring, now, by, id, &Rotation { key, overlap, note: &note })?))
    });
    let (site, old, rotated) = rotated.await?;
    let page = NewKeyPage {
        page: staff.visit.page(&hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        key: rotated.key.expose_secret().to_owned(),
        instead_of: format!("{}…", old.prefix),
        until: Some(rotated.predecessor_ends_at).filter(|end| *end > now).map(When::from),
    };
    web::html(StatusCode::CREATED, &page)
}

/// `POST /staff/sites/{site}/keys/{key}/revoke`
pub async fn revoke(hub: Data<Hub>, staff: Staff, path: Path<(SiteId, KeyId)>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, key) = path.into_inner();
    let reason = match reason(&hub, &staff, id, &format!("key-{key}"), &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    let revoked = hub.db.write(move |tx| {
        let found = keys::find(tx.conn(), id, key)?.ok_or(Error::NotFound)?;
        keys::revoke(tx, now, by, id, key, reason.as_str())?;
        Ok::<_, Error>(keys::tell_revoked(tx, &desk, now, &found, reason.as_str())?)
    });
    revoked.await?;
    Ok(Either::Right(to(id).flash("ok", "The key is revoked: from now on it is refused everywhere. The site's contact is told by mail.")))
}

/// `POST /staff/sites/{site}/binding`: whether pushes to tokens that the site has not enrolled are refused.
pub async fn binding(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let binding = match fields.text("binding") {
        "" => None,
        word => Some(word.parse().map_err(|words: String| Error::field("binding", words))?),
    };
    let reason = match reason(&hub, &staff, id, "binding", &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by) = (hub.clock.now(), staff.actor());
    hub.db.write(move |tx| sites::set_binding(tx, now, by, id, binding, &reason)).await?;
    Ok(Either::Right(to(id).flash("ok", "Saved: it holds from now on, on every node.")))
}
