//! One message to all devices of the site: begun here, sent by a job.
#![allow(unused_qualifications, reason = "utoipa writes whole paths to the types whose schemas are written by hand")]

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::auth::{self, Caller};
use super::body;
use super::list::{Page, Query, Wanted, one_more};
use super::once::Call;
use super::problem::Problem;
use crate::audit::Actor;
use crate::broadcasts::{self, Broadcast};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{BroadcastId, SiteId};
use crate::keys::Permissions;
use crate::push::{self, Refusal, RefusalKind};

/// How far a broadcast has come.
#[derive(ToSchema)]
#[schema(as = BroadcastState, rename_all = "lowercase")]
pub enum BroadcastStateName {
    Waiting,
    Running,
    Done,
    Cancelled,
    Failed,
}

/// A broadcast and how far it has come.
#[derive(Serialize, ToSchema)]
#[schema(as = Broadcast)]
pub struct BroadcastView {
    #[schema(value_type = String, format = "uuid")]
    pub id: BroadcastId,
    #[schema(value_type = BroadcastStateName)]
    pub state: String,
    pub app: String,
    /// Only to devices of this channel.
    #[schema(required = true)]
    pub channel: Option<String>,
    /// Only to devices of this platform.
    #[schema(required = true)]
    pub platform: Option<String>,
    /// To how many devices it goes.
    pub total: i64,
    /// How many have got it.
    pub sent: i64,
    /// How many could not be sent to.
    pub refused: i64,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time", required = true)]
    pub started_at: Option<String>,
    #[schema(format = "date-time", required = true)]
    pub ended_at: Option<String>,
    /// Why it waits, or why it failed.
    #[schema(required = true)]
    pub why: Option<String>,
}

impl From<Broadcast> for BroadcastView {
    fn from(broadcast: Broadcast) -> Self {
        Self {
            id: broadcast.id,
            state: broadcast.state.as_str().to_owned(),
            app: broadcast.app,
            channel: broadcast.channel,
            platform: broadcast.platform,
            total: broadcast.total,
            sent: broadcast.sent,
            refused: broadcast.refused,
            created_at: broadcast.created_at.rfc3339(),
            started_at: broadcast.started_at.map(Timestamp::rfc3339),
            ended_at: broadcast.ended_at.map(Timestamp::rfc3339),
            why: broadcast.why,
        }
    }
}

/// Broadcasts, newest first.
#[derive(Serialize, ToSchema)]
pub struct BroadcastList {
    pub items: Vec<BroadcastView>,
    /// `cursor` of the next page; null on the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// What a message says: a text, a map of `title` and `body`, or a map of languages with one of these each.
pub struct BroadcastAlert;

impl PartialSchema for BroadcastAlert {
    fn schema() -> RefOr<Schema> {
        let any = || ObjectBuilder::new().schema_type(Type::String);
        let shown = || any().pattern(Some("\\S"));
        let map = |title: ObjectBuilder, body: ObjectBuilder, required: &str| {
            ObjectBuilder::new().schema_type(Type::Object).property("title", title).property("body", body).required(required)
        };
        let words = "A text, a map of title and body, or a map of languages with one of these each. Something has to be shown.";
        let in_a_language = || AnyOfBuilder::new().item(shown()).item(map(any(), shown(), "body")).item(map(shown(), any(), "title"));
        let code = any().pattern(Some("^[A-Za-z]{2,3}([_-][A-Za-z0-9]{1,8})?$")).build();
        let each = RefOr::T(Schema::AnyOf(in_a_language().build()));
        let languages = ObjectBuilder::new().schema_type(Type::Object).property_names(Some(code)).additional_properties(Some(each));
        in_a_language().item(languages.min_properties(Some(1)).max_properties(Some(100))).description(Some(words)).into()
    }
}

impl ToSchema for BroadcastAlert {}

/// A message to all devices of the site, as `POST /api/v2/broadcast` takes it.
#[derive(ToSchema)]
pub struct NewBroadcast {
    pub alert: BroadcastAlert,
    /// Only to devices of this channel.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9._-]*$")]
    pub channel: Option<String>,
    /// Only to devices of this platform.
    #[schema(pattern = "^([A-Za-z0-9._-]{0,61}fcm|android|ios|)$")]
    pub device: Option<String>,
}

fn view(tx: &mut Tx, site: SiteId, id: BroadcastId) -> Result<BroadcastView, Problem> {
    Ok(broadcasts::find(tx.conn(), site, id)?.ok_or(Error::NotFound)?.into())
}

fn may_broadcast(caller: &Caller) -> Result<(), Problem> {
    if caller.grant.permissions().may(Permissions::SEND_BROADCAST) { Ok(()) } else { Err(forbidden()) }
}

fn forbidden() -> Problem {
    let words = "The access key may not send broadcasts: use another one of the site's.";
    Problem::new(StatusCode::FORBIDDEN, "may_not_broadcast", "No permission to send broadcast", words)
}

/// List broadcasts
#[utoipa::path(
    get, path = "/api/v1/broadcasts", tag = "Broadcasts", operation_id = "list_broadcasts",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many there are on a page; 100 if it is not said.", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page of the list.", body = BroadcastList)),
)]
pub async fn index(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let asked = Wanted::<BroadcastId>::of(caller.site(), &Query::of(&req, &["cursor", "limit"])?)?;
    let found = hub.db.read(move |conn| broadcasts::page(conn, asked.site, asked.cursor, one_more(asked.limit))).await?;
    let views = found.into_iter().map(BroadcastView::from).collect();
    Ok(Page::of(views, asked.limit, |broadcast: &BroadcastView| broadcast.id.to_string()).response())
}

/// Show a broadcast
#[utoipa::path(
    get, path = "/api/v1/broadcasts/{broadcast}", tag = "Broadcasts", operation_id = "show_broadcast",
    params(("broadcast" = String, Path, description = "The broadcast's `id`.", format = "uuid")),
    responses((status = 200, description = "The broadcast.", body = BroadcastView)),
)]
pub async fn show(hub: Data<Hub>, req: HttpRequest, broadcast: Path<String>) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let (site, id): (_, BroadcastId) = (caller.site(), body::id(&broadcast)?);
    let found = hub.db.read(move |conn| broadcasts::find(conn, site, id)).await?.ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().json(BroadcastView::from(found)))
}

/// Start a broadcast
///
/// One message to all devices of the site, or to those of a channel or a platform. It is sent at a paced rate: the answer tells
/// that it was taken in, and the broadcast how far it has come. `X-AN-APP-NAME` says which app it is for.
#[utoipa::path(
    post, path = "/api/v1/broadcasts", tag = "Broadcasts", operation_id = "start_broadcast",
    request_body(
        content = NewBroadcast, description = "The message.", content_type = "application/json",
        example = json!({"alert": {"en": "School is closed tomorrow", "es": "Mañana no hay clase"}})
    ),
    responses((status = 202, description = "It is taken in.", body = BroadcastView)),
)]
pub async fn start(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let (caller, body) = auth::enter_with_body(&hub, &req, payload, hub.limits().body_bytes).await?;
    Query::of(&req, &[])?;
    push::may_push(caller.grant.site())?;
    may_broadcast(&caller)?;
    let app = auth::app(&hub, &req)?;
    let draft = broadcasts::parse(&body).map_err(|(field, words)| Problem::field(field, words))?;
    draft.fits(hub.limits().payload_bytes).map_err(|words| Refusal::of_field(RefusalKind::PayloadTooLarge, "alert", words))?;
    let (ring, now, site, note) = (hub.ring.clone(), hub.clock.now(), caller.site(), caller.note());
    let shared = hub.clone();
    let call = Call { hub: &hub, req: &req, caller: &caller, body: &body };
    call.write(move |tx| {
        // Not for a repetition, which is answered before.
        shared.doors.broadcasts.take(&site).map_err(Error::Limited)?;
        let wanted = broadcasts::Wanted { site, app: &app, draft: &draft, note: &note };
        let id = broadcasts::start(tx, &ring, now, Actor::Hub, &wanted)?;
        body::answer(202, &view(tx, site, id)?)
    })
    .await
}

/// Cancel a broadcast
///
/// What is not sent yet is not sent any more.
#[utoipa::path(
    post, path = "/api/v1/broadcasts/{broadcast}/cancel", tag = "Broadcasts", operation_id = "cancel_broadcast",
    params(("broadcast" = String, Path, description = "The broadcast's `id`.", format = "uuid")),
    responses((status = 200, description = "The broadcast as it is now.", body = BroadcastView)),
)]
pub async fn cancel(hub: Data<Hub>, req: HttpRequest, broadcast: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (caller, body) = auth::enter_with_body(&hub, &req, payload, hub.limits().body_bytes).await?;
    Query::of(&req, &[])?;
    may_broadcast(&caller)?;
    let (site, id, now): (_, BroadcastId, _) = (caller.site(), body::id(&broadcast)?, hub.clock.now());
    let call = Call { hub: &hub, req: &req, caller: &caller, body: &body };
    call.write(move |tx| {
        broadcasts::cancel(tx, now, Actor::Hub, site, id)?;
        body::answer(200, &view(tx, site, id)?)
    })
    .await
}
