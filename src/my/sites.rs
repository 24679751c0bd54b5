use std::num::NonZeroU32;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::appeal::has_matter;
use super::moodle::{Moodle, Newcomer};
use super::views::{self, Next, Recent, SiteHead};
use crate::db::Conn;
use crate::devices;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{AccountId, SiteId};
use crate::sites::{self, Site, SiteState};
use crate::visit::Owner;
use crate::web::{self, Badge, Chart, Page, filters};

struct SiteRow {
    id: String,
    name: String,
    url: String,
    state: Badge,
    push: Badge,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "my/sites.html")]
struct SitesPage {
    page: Page,
    sites: Vec<SiteRow>,
}

/// `GET /my/sites`
pub async fn index(hub: Data<Hub>, owner: Owner) -> Result<HttpResponse, Error> {
    let account = owner.account.id;
    let sites = hub.db.read(move |conn| sites::of_account(conn, account)).await?;
    let rows = sites.iter().map(|site| SiteRow {
        id: site.id.to_string(),
        name: site.name.clone(),
        url: site.url.clone(),
        state: views::state_badge(site),
        push: views::push_badge(site, hub.max_users(site.id)),
        next: (!site.may_have_keys()).then(|| Next::of(site, hub.max_users(site.id), 0, 0).title),
    });
    web::html(StatusCode::OK, &SitesPage { page: owner.visit.page(&hub), sites: rows.collect() })
}

/// A site that is the account's own; anybody else's is not found.
pub fn owned(conn: &mut Conn, account: AccountId, id: SiteId) -> Result<Site, Error> {
    sites::owned_by(conn, account, id)?.ok_or(Error::NotFound)
}

#[derive(Template)]
#[template(path = "my/site.html")]
struct SitePage {
    page: Page,
    site: SiteHead,
    next: Next,
    push_reason: Option<String>,
    users: u64,
    max_users: u64,
    keys: u64,
    devices: u64,
    limits: Vec<(String, String)>,
    chart: Chart,
    recent: Vec<Recent>,
    moodle: Moodle,
    newcomers: Vec<Newcomer>,
    /// The hub's team has said something about the site.
    has_matter: bool,
}

/// `GET /my/sites/{site}`
pub async fn show(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let (account, id, now) = (owner.account.id, site.into_inner(), hub.clock.now());
    hub.fresh_counts().await;
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        let (recent, chart, delivered) = views::pushes(conn, id, now, 10)?;
        let (moodle, newcomers) = (Moodle::of(conn, &site)?, (Newcomer::of(conn, &site)?, has_matter(conn, &site, now)?));
        Ok::<_, Error>((site, views::keys_of(conn, id)?, devices::count(conn, id)?, (recent, chart, delivered), moodle, newcomers))
    });
    let (site, keys, devices, (recent, chart, delivered), moodle, (newcomers, has_matter)) = read.await?;
    let max_users = hub.max_users(id);
    let working = views::working(&keys, now);
    let page = SitePage {
        page: owner.visit.page(&hub),
        next: Next::of(&site, max_users, working, delivered),
        push_reason: views::push_reason(&site, max_users),
        users: site.users(),
        max_users,
        keys: working as u64,
        devices: u64::try_from(devices).unwrap_or(0),
        limits: limits(&hub, &site),
        moodle,
        newcomers,
        has_matter,
        site: SiteHead::new(&site, max_users),
        chart,
        recent,
    };
    web::html(StatusCode::OK, &page)
}

/// The limits in force, in words: the site's own where it has some, and what slows it down for a while.
pub fn limits(hub: &Hub, site: &Site) -> Vec<(String, String)> {
    let (now, l) = (hub.clock.now(), hub.limits());
    let trial = site.state == SiteState::Claimed;
    let (figures, slowed) = hub.hall.table.figures(site.id, trial, now);
    let most_devices = hub.hall.table.grants().most_devices(trial);
    let on_trial = if most_devices.is_some() { " while on trial" } else { "" };
    let n = |number: u64| filters::with_commas(&number.to_string());
    let rate = |each: NonZeroU32, burst: NonZeroU32| format!("{}, up to {} at once", n(each.get().into()), n(burst.get().into()));
    let mut rows = vec![("Registered users".to_owned(), format!("fewer than {}", n(hub.max_users(site.id))))];
    if let Some(until) = slowed {
        rows.push(("Slowed down by the hub's team".to_owned(), format!("until {}", until.readable())));
    }
    rows.extend(most_devices.map(|most| (format!("Devices{on_trial}"), n(most))));
    rows.extend([
        (format!("Pushes a second{on_trial}"), rate(figures.push_per_second, figures.push_burst)),
        (format!("Pushes a day{on_trial}"), n(figures.push_per_day)),
        ("Pushes to one device a minute".to_owned(), n(l.push_per_device_per_minute.get().into())),
        ("New devices a second".to_owned(), rate(figures.enrol_per_second, figures.enrol_burst)),
    ]);
    rows
}

/// Where a list goes on.
#[derive(Deserialize)]
pub struct Cursor<T> {
    #[serde(default = "nowhere")]
    pub before: Option<T>,
}

fn nowhere<T>() -> Option<T> {
    None
}

#[derive(Template)]
#[template(path = "my/deliveries.html")]
struct DeliveriesPage {
    page: Page,
    site: SiteHead,
    recent: Vec<Recent>,
    chart: Chart,
}

/// `GET /my/sites/{site}/deliveries`: why did my push not arrive?
pub async fn deliveries(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let (account, id, now) = (owner.account.id, site.into_inner(), hub.clock.now());
    hub.fresh_counts().await;
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        let (recent, chart, _) = views::pushes(conn, id, now, 50)?;
        Ok::<_, Error>((site, recent, chart))
    });
    let (site, recent, chart) = read.await?;
    let page = DeliveriesPage { page: owner.visit.page(&hub), site: SiteHead::new(&site, hub.max_users(site.id)), recent, chart };
    web::html(StatusCode::OK, &page)
}
