use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use super::needs::{self, Need, Seen};
use super::sites::SiteRow;
use crate::abuse;
use crate::accounts::team;
use crate::audit;
use crate::error::Error;
use crate::hub::Hub;
use crate::jobs;
use crate::mail::ledger;
use crate::push;
use crate::registrations;
use crate::sites::attention::{self, About};
use crate::sites::{self, SiteState};
use crate::visit::Staff;
use crate::web::{self, Chart, Page, filters};

/// How many held sites the page lists.
const HELD: i64 = 50;

/// A state of sites, with how many are in it and a bar for it.
struct StateRow {
    word: &'static str,
    count: u64,
    /// Of a hundred.
    share: String,
}

#[derive(Template)]
#[template(path = "staff/home.html")]
struct Home {
    page: Page,
    now: Vec<Need>,
    later: Vec<Need>,
    pending: Vec<SiteRow>,
    sites: u64,
    active: u64,
    pushes: u64,
    devices: String,
    states: Vec<StateRow>,
    chart: Chart,
}

fn about(number: About) -> String {
    let grouped = |n: u64| filters::with_commas(&n.to_string());
    match number {
        About::Exactly(n) => grouped(n),
        About::Roughly(n) => format!("about {}", grouped(n)),
        About::MoreThan(n) => format!("more than {}", grouped(n)),
    }
}

fn state_rows(states: &[(SiteState, u64)]) -> Vec<StateRow> {
    let most = states.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let row = |(state, count): &(SiteState, u64)| StateRow {
        word: state.as_str(),
        count: *count,
        share: format!("{:.1}", *count as f64 / most as f64 * 100.0),
    };
    states.iter().map(row).collect()
}

/// `GET /staff`: what needs attention.
pub async fn show(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    hub.fresh_counts().await;
    let (hub_url, ring) = (hub.public_url.as_str().to_owned(), hub.ring.clone());
    let read = hub.db.read(move |conn| {
        let pending = sites::pending(conn, HELD)?;
        let pending = super::sites::with_owners(conn, pending)?;
        let seen = Seen {
            cases: abuse::counts(conn)?,
            sites: attention::attention(conn, now, needs::COUNTED)?,
            letters: ledger::stuck(conn, now, needs::COUNTED)?,
            hours: push::hub_by_hours(conn, now, 24)?,
            jobs: jobs::all(conn)?,
            without_factor: team::count_without_factor(conn)?,
            moved: registrations::moved_hub(conn, &hub_url)?,
            log_ends_well: audit::ends_well(conn, &ring)?,
        };
        Ok::<_, Error>((pending, seen, attention::count_states(conn)?, attention::count_devices(conn)?))
    });
    let (pending, seen, states, devices) = read.await?;
    let (urgent, later) = needs::needs(&hub, &seen).into_iter().partition(|need: &Need| need.is_urgent());
    let of = |state: SiteState| states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
    let hours = seen.hours.iter().map(|hour| (hour.hour.hour_label(), hour.of("delivered"), hour.refused()));
    let page = Home {
        page: staff.visit.page(&hub),
        now: urgent,
        later,
        pending: pending.iter().map(|(site, owner)| SiteRow::new(site, owner.as_ref(), hub.max_users(site.id))).collect(),
        sites: states.iter().filter(|(state, _)| *state != SiteState::Unregistered).map(|(_, count)| count).sum(),
        active: of(SiteState::Active),
        pushes: seen.hours.iter().map(push::HubHour::total).sum(),
        devices: about(devices),
        chart: Chart::stacked("Pushes of the last 24 hours, by hour (UTC)", hours),
        states: state_rows(&states),
    };
    web::html(StatusCode::OK, &page)
}
