//! Access keys that were found where they should not be.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;

use super::auth;
use super::body::{self, Members};
use super::list::Query;
use super::problem::Problem;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys;

/// The longest text that is looked at, in characters.
const LONGEST: usize = 2_000;

/// A key that somebody has found.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeakedKey {
    #[schema(min_length = 1, max_length = 2000)]
    pub key: String,
    /// Where it was found: its owner is told.
    #[schema(max_length = 2000, required = false)]
    pub place: String,
}

/// Report a leaked key
///
/// A working key of this hub is revoked at once, and its owner told. The answer is the same whether it was one or not. This needs
/// no access key.
#[utoipa::path(
    post, path = "/api/v1/leaked-keys", tag = "Leaks", operation_id = "report_leaked_key", security(()),
    request_body(
        content = LeakedKey, description = "What was found.", content_type = "application/json",
        example = json!({"key": "belfry_s_what-was-found", "place": "https://code.example/config.php"})
    ),
    responses((status = 202, description = "It is looked into.")),
)]
pub async fn report(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    if let Err(standing) = hub.doors.leaks.take(&auth::network(&hub, &req)) {
        body::discard(payload);
        return Err(Error::Limited(standing).into());
    }
    Query::of(&req, &[])?;
    let body = body::read(payload, hub.limits().body_bytes).await?;
    let members = Members::read(&body, &["key", "place"])?;
    let key =
        members.text("key")?.filter(|key| !key.is_empty()).ok_or_else(|| Problem::field("key", "the key that was found is expected"))?;
    let place = members.text("place")?.unwrap_or_default();
    for (field, text) in [("key", key), ("place", place)] {
        if text.chars().count() > LONGEST {
            return Err(Problem::field(field, format!("at most {LONGEST} characters")));
        }
    }
    let (shared, now, key, place) = (hub.clone(), hub.clock.now(), key.trim().to_owned(), place.to_owned());
    if hub.db.write(move |tx| keys::take_leak(tx, &shared.ring, &shared.desk, now, &key, &place)).await? {
        tracing::warn!("an access key was reported as leaked and is revoked");
    }
    Ok(HttpResponse::Accepted().finish())
}
