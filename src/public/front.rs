use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::error::Error;
use crate::hub::Hub;
use crate::sites;
use crate::visit::Visit;
use crate::web::{self, Page, filters};

#[derive(Template)]
#[template(path = "public/front.html")]
struct Front {
    page: Page,
    sites: u64,
    max_users: u64,
    logged_in: bool,
}

/// `GET /`
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    let sites = hub.db.read(sites::count_active).await?;
    let page = Front {
        page: visit.page(&hub),
        sites: u64::try_from(sites).unwrap_or(0),
        max_users: hub.limits().max_site_users,
        logged_in: visit.session.is_some(),
    };
    web::html(StatusCode::OK, &page)
}
