use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::sites::Answer;
use crate::abuse;
use crate::audit::Reason;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{CaseId, SiteId};
use crate::my::views::SiteHead;
use crate::sites;
use crate::visit::{Posted, Staff};
use crate::web::{self, Field, Fields, Page, Redirect};

/// Which site a case is to be opened about.
#[derive(Deserialize)]
pub struct About {
    site: SiteId,
}

#[derive(Template)]
#[template(path = "staff/case_new.html")]
struct NewPage {
    page: Page,
    site: SiteHead,
    open: Option<(String, i64)>,
    reason: Field,
    errors: Vec<(String, String)>,
}

async fn page(hub: &Hub, staff: &Staff, id: SiteId, typed: (&Fields, &FieldErrors), status: StatusCode) -> Result<HttpResponse, Error> {
    let read = hub.db.read(move |conn| {
        let site = sites::find(conn, id)?.ok_or(Error::NotFound)?;
        Ok::<_, Error>((site, abuse::open_of(conn, id)?))
    });
    let (site, open) = read.await?;
    let (fields, errors) = typed;
    let page = NewPage {
        page: staff.visit.page(hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        open: open.map(|case| (case.id.to_string(), case.number)),
        reason: fields.field("reason", errors),
        errors: errors.listed(),
    };
    web::html(status, &page)
}

/// `GET /staff/abuse/new?site=…`
pub async fn show(hub: Data<Hub>, staff: Staff, about: Query<About>) -> Result<HttpResponse, Error> {
    page(&hub, &staff, about.site, (&Fields::default(), &FieldErrors::default()), StatusCode::OK).await
}

/// `POST /staff/abuse`: the team's own eye.
pub async fn open(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Answer, Error> {
    let site: SiteId = fields.text("site").parse().map_err(|_| Error::NotFound)?;
    let mut errors = FieldErrors::default();
    let Some(reason) = fields.read("reason", &mut errors, Reason::parse) else {
        return page(&hub, &staff, site, (&fields, &errors), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let (now, by, again) = (hub.clock.now(), staff.actor(), hub.clone());
    let case: CaseId = hub.db.write(move |tx| abuse::open_by_hand(tx, &again.clerk(), now, by, site, &reason).map_err(Error::from)).await?;
    Ok(Either::Right(Redirect::to(format!("/staff/abuse/{case}")).flash("ok", "The case is open. Nobody was told yet.")))
}
