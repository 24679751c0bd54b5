use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use super::sites::SiteRow;
use crate::error::Error;
use crate::hub::Hub;
use crate::visit::Staff;
use crate::web::{self, Page, filters};
use crate::{mail, push, registrations, sites};

#[derive(Template)]
#[template(path = "staff/home.html")]
struct Home {
    page: Page,
    pending: Vec<SiteRow>,
    stuck_letters: u64,
    waiting_letters: u64,
    sites: u64,
    active: u64,
    pushes_today: u64,
    /// Sites that know the hub by another address than its own.
    moved_hub: u64,
    hub_url: String,
}

/// `GET /staff`: what needs attention.
pub async fn show(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    hub.fresh_counts().await;
    let hub_url = hub.public_url.as_str().to_owned();
    let read = hub.db.read(move |conn| {
        let pending = sites::pending(conn, 50)?;
        let rows = super::sites::with_owners(conn, pending)?;
        Ok::<_, Error>((
            rows,
            mail::counts(conn)?,
            sites::count_all(conn)?,
            sites::count_active(conn)?,
            push::pushed_since(conn, now.day())?,
            registrations::moved_hub(conn, &hub_url)?,
        ))
    });
    let (rows, (waiting, stuck), all, active, pushes_today, moved) = read.await?;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let page = Home {
        page: staff.visit.page(&hub),
        pending: rows.iter().map(|(site, owner)| SiteRow::new(site, owner.as_ref(), hub.max_users(site.id))).collect(),
        stuck_letters: count(stuck),
        waiting_letters: count(waiting),
        sites: count(all),
        active: count(active),
        pushes_today,
        moved_hub: count(moved),
        hub_url: hub.public_url.as_str().to_owned(),
    };
    web::html(StatusCode::OK, &page)
}
