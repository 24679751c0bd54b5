//! What became of the site's pushes: in numbers, and the latest one by one.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth;
use super::list::{Page, Query, Wanted, one_more};
use super::problem::Problem;
use super::push::{OutcomeName, word};
use crate::hub::Hub;
use crate::ids::PushId;
use crate::push::{self, REFUSALS, Recent};

/// The longest time that usage is told of, in days.
const MOST_DAYS: usize = 30;

/// An hour's pushes.
#[derive(Serialize, ToSchema)]
pub struct HourOfUse {
    /// When it began.
    #[schema(format = "date-time")]
    pub hour: String,
    pub delivered: u64,
    pub refused: u64,
}

/// The site's pushes by the hour, oldest first; hours without one too.
#[derive(Serialize, ToSchema)]
pub struct UsageList {
    pub items: Vec<HourOfUse>,
    /// Always null: the list is whole.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// One of the latest pushes. What was in it is not kept.
#[derive(Serialize, ToSchema)]
pub struct Delivery {
    /// The `message_id` of a batch's outcome.
    #[schema(value_type = String, format = "uuid")]
    pub id: PushId,
    #[schema(format = "date-time")]
    pub at: String,
    pub app: String,
    /// The end of the device's token; empty where the push was refused before its token was read.
    pub token_hint: String,
    /// How large the request was.
    pub body_bytes: i64,
    #[schema(value_type = OutcomeName)]
    pub outcome: String,
    pub code: String,
}

/// The latest pushes, newest first.
#[derive(Serialize, ToSchema)]
pub struct DeliveryList {
    pub items: Vec<Delivery>,
    /// `cursor` of the next page; null on the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}

impl Delivery {
    fn new(push: Recent) -> Self {
        let kind = REFUSALS.iter().find(|row| row.code == push.code).map(|row| row.kind);
        let outcome = word(kind).to_owned();
        Self {
            id: push.id,
            at: push.at.rfc3339(),
            app: push.app,
            token_hint: push.hint,
            body_bytes: push.body_bytes,
            outcome,
            code: push.code,
        }
    }
}

/// Show usage
///
/// How many pushes were delivered and refused in each hour, up to now.
#[utoipa::path(
    get, path = "/api/v1/usage", tag = "Usage", operation_id = "show_usage",
    params(("days" = Option<u32>, Query, description = "How many days back; 1 if it is not said.", minimum = 1, maximum = 30)),
    responses((status = 200, description = "The hours, oldest first.", body = UsageList)),
)]
pub async fn usage(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let days = Query::of(&req, &["days"])?.number("days", 1, MOST_DAYS)?.unwrap_or(1);
    let (site, now, hours) = (caller.site(), hub.clock.now(), u32::try_from(days).unwrap_or(1) * 24);
    hub.fresh_counts().await;
    let found = hub.db.read(move |conn| push::by_hours(conn, site, now, hours)).await?;
    let items =
        found.into_iter().map(|(hour, tallied)| HourOfUse { hour: hour.rfc3339(), delivered: tallied.delivered, refused: tallied.refused });
    Ok(Page::whole(items.collect()).response())
}

/// List deliveries
///
/// The site's latest pushes, newest first: some fifty are kept.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "Usage", operation_id = "list_deliveries",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many there are on a page; 100 if it is not said.", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page of the list.", body = DeliveryList)),
)]
pub async fn deliveries(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let asked = Wanted::<PushId>::of(caller.site(), &Query::of(&req, &["cursor", "limit"])?)?;
    hub.fresh_counts().await;
    let found = hub.db.read(move |conn| push::recent(conn, asked.site, asked.cursor, one_more(asked.limit))).await?;
    let items = found.into_iter().map(Delivery::new).collect();
    Ok(Page::of(items, asked.limit, |push: &Delivery| push.id.to_string()).response())
}
