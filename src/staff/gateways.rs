use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use super::needs::TROUBLE;
use crate::error::Error;
use crate::gateways::Standing;
use crate::hub::Hub;
use crate::push::{self, HubHour};
use crate::settings::GatewayName;
use crate::visit::Staff;
use crate::web::{self, Badge, Chart, Page, filters};

/// A process of a gateway.
struct ProcessRow {
    address: String,
    state: Badge,
    heard: String,
    in_flight: String,
}

fn ago(time: Option<Duration>) -> String {
    match time.map(|time| time.as_secs()) {
        None => "never".to_owned(),
        Some(0..60) => "less than a minute ago".to_owned(),
        Some(seconds @ 60..3_600) => format!("{} min ago", seconds / 60),
        Some(seconds) => format!("{} h ago", seconds / 3_600),
    }
}

impl From<Standing> for ProcessRow {
    fn from(standing: Standing) -> Self {
        Self {
            state: match standing.answers() {
                Some(true) => Badge::new("ok", "Answers"),
                Some(false) => Badge::new("bad", "Does not answer"),
                None => Badge::new("idle", "Not tried yet"),
            },
            heard: format!("answered {}, failed {}", ago(standing.answered_ago), ago(standing.failed_ago)),
            in_flight: format!("{} of {}", standing.in_flight, standing.max_in_flight),
            address: standing.address,
        }
    }
}

/// A gateway in use.
struct GatewayCard {
    name: &'static str,
    apps: Vec<String>,
    is_sandbox: bool,
    processes: Vec<ProcessRow>,
}

/// An hour's outcomes.
struct HourRow {
    hour: String,
    delivered: u64,
    rejected: u64,
    unavailable: u64,
    timeout: u64,
    busy: u64,
}

impl From<&HubHour> for HourRow {
    fn from(hour: &HubHour) -> Self {
        Self {
            hour: hour.hour.hour_label(),
            delivered: hour.of("delivered"),
            rejected: hour.of("gateway_rejected"),
            unavailable: hour.of("gateway_unavailable"),
            timeout: hour.of("gateway_timeout"),
            busy: hour.of("busy"),
        }
    }
}

/// What to do about trouble that there is.
struct Advice {
    count: String,
    words: &'static str,
}

fn advice(hours: &[HubHour]) -> Vec<Advice> {
    let sum = |code: &str| hours.iter().rev().take(2).map(|hour| hour.of(code)).sum::<u64>();
    let rows = [
        (
            "gateway_unavailable",
            "were not taken: the gateway is down, or refuses the hub's own key or settings. Look whether it runs, then at gateways.airnotifier.url and .access_key, then at the hub's log, which says what it answered.",
        ),
        (
            "gateway_timeout",
            "were not answered in time: the gateway is slow. They may have been delivered. Look at its load, or run more of its processes and name all of their addresses.",
        ),
        (
            "busy",
            "found every connection in use: the hub could take no more. Run more processes of the gateway, or let each take more at once (gateways.airnotifier.max_in_flight).",
        ),
        (
            "gateway_rejected",
            "were refused by the gateway one by one: something is wrong with these messages, or with their tokens. Their sites see each of them under Deliveries.",
        ),
    ];
    let told = rows.into_iter().map(|(code, words)| (sum(code), words)).filter(|(count, _)| *count > 0);
    told.map(|(count, words)| Advice { count: filters::with_commas(&count.to_string()), words }).collect()
}

#[derive(Template)]
#[template(path = "staff/gateways.html")]
struct GatewaysPage {
    page: Page,
    gateways: Vec<GatewayCard>,
    advice: Vec<Advice>,
    chart: Chart,
    hours: Vec<HourRow>,
}

/// `GET /staff/gateways`: what delivers, and how that goes.
pub async fn show(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    hub.fresh_counts().await;
    let hours = hub.db.read(move |conn| push::hub_by_hours(conn, now, 24)).await?;
    let mut apps: BTreeMap<&'static str, (GatewayName, Vec<String>)> = BTreeMap::new();
    for (app, gateway) in &hub.hall.apps {
        apps.entry(gateway.as_str()).or_insert_with(|| (*gateway, Vec::new())).1.push(app.clone());
    }
    let card = |(name, (gateway, apps))| GatewayCard {
        name,
        apps,
        is_sandbox: gateway == GatewayName::Sandbox,
        processes: hub.hall.gateways.standing(gateway).into_iter().map(ProcessRow::from).collect(),
    };
    let failed = |hour: &HubHour| TROUBLE.iter().map(|code| hour.of(code)).sum::<u64>() + hour.of("gateway_rejected");
    let bars = hours.iter().map(|hour| (hour.hour.hour_label(), hour.of("delivered"), failed(hour)));
    let page = GatewaysPage {
        page: staff.visit.page(&hub),
        gateways: apps.into_iter().map(card).collect(),
        advice: advice(&hours),
        chart: Chart::stacked("What the gateways took and what they did not, by hour (UTC)", bars),
        hours: hours.iter().rev().map(HourRow::from).collect(),
    };
    web::html(StatusCode::OK, &page)
}
