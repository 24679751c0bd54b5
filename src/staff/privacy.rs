//! What the team erases for people who have no account.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::sites::{Answer, to};
use crate::audit::Reason;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::privacy;
use crate::sites::{self, Site};
use crate::visit::{Posted, Staff};
use crate::web::{self, Field, Fields, Page};

#[derive(Template)]
#[template(path = "staff/erase_contact.html")]
struct ContactPage {
    page: Page,
    id: String,
    name: String,
    contact: Option<String>,
    has_account: bool,
    reason: Field,
    errors: Vec<(String, String)>,
}

fn page(hub: &Hub, staff: &Staff, site: &Site, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let page = ContactPage {
        page: staff.visit.page(hub),
        id: site.id.to_string(),
        name: site.name.clone(),
        contact: site.contact_email.clone(),
        has_account: site.account_id.is_some(),
        reason: fields.field("reason", errors),
        errors: errors.listed(),
    };
    web::html(status, &page)
}

async fn find(hub: &Hub, id: SiteId) -> Result<Site, Error> {
    hub.db.read(move |conn| sites::find(conn, id)?.ok_or(Error::NotFound)).await
}

/// `GET /staff/sites/{site}/erase-contact`
pub async fn contact(hub: Data<Hub>, staff: Staff, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let site = find(&hub, site.into_inner()).await?;
    page(&hub, &staff, &site, &Fields::default(), &FieldErrors::default(), StatusCode::OK)
}

/// `POST /staff/sites/{site}/erase-contact`
pub async fn erase_contact(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let mut errors = FieldErrors::default();
    let Some(reason) = fields.read("reason", &mut errors, Reason::parse) else {
        let site = find(&hub, id).await?;
        return page(&hub, &staff, &site, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).map(Either::Left);
    };
    let (now, by) = (hub.clock.now(), staff.actor());
    let known = hub.db.write(move |tx| privacy::erase_contact(tx, now, by, id, &reason)).await?;
    Ok(Either::Right(if known {
        to(id).flash("ok", "The contact is erased. If the site's Moodle names it again, it is there again.")
    } else {
        to(id).flash("warn", "This site's Moodle has named no contact. The letters about it are erased.")
    }))
}
