//! What the hub knows of the site that calls.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth;
use super::list::Query;
use super::problem::Problem;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys::SiteCell;
use crate::push::RefusalKind;
use crate::settings::Binding;
use crate::sites::{self, PushOff, Site};

/// Where a site is in its life.
#[derive(ToSchema)]
#[schema(as = SiteState, rename_all = "lowercase")]
pub enum StateName {
    Registered,
    Unverified,
    Claimed,
    Active,
    Suspended,
    Unregistered,
}

/// Whether the site may push.
#[derive(Serialize, ToSchema)]
#[schema(as = PushSwitch)]
pub struct PushView {
    pub on: bool,
    /// Why not: `site_suspended`, `site_unverified`, `over_user_limit` or `push_disabled`.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// What the site may use.
#[derive(Serialize, ToSchema)]
#[schema(as = SiteLimits)]
pub struct LimitsView {
    /// With so many registered users, or more, a site can't push.
    pub max_site_users: u64,
    pub push_per_second: u32,
    pub push_burst: u32,
    pub push_per_day: u64,
    pub push_per_device_per_minute: u32,
    /// How many devices it may have, where that is limited.
    #[schema(required = true)]
    pub devices: Option<u64>,
    /// The most that a push may be, in bytes.
    pub body_bytes: u64,
    /// The most that goes out to a phone, in bytes.
    pub payload_bytes: u64,
}

/// What is done with a push to a token never seen.
#[derive(ToSchema)]
#[schema(as = Binding, rename_all = "lowercase")]
pub enum BindingName {
    Open,
    Strict,
}

/// A site.
#[derive(Serialize, ToSchema)]
#[schema(as = Site)]
pub struct SiteView {
    #[schema(value_type = String, format = "uuid")]
    pub id: SiteId,
    pub name: String,
    pub url: String,
    #[schema(value_type = StateName)]
    pub state: String,
    pub push: PushView,
    /// Registered users.
    pub users: u64,
    pub country: String,
    pub language: String,
    /// `open`: a push to a token never seen enrols it. `strict`: it is refused.
    #[schema(value_type = BindingName)]
    pub binding: String,
    pub limits: LimitsView,
    #[schema(format = "date-time")]
    pub created_at: String,
    /// It is not proved yet to be its owner's, and so within the limits of a trial.
    pub trial: bool,
}

impl SiteView {
    fn new(hub: &Hub, site: &Site, cell: &SiteCell) -> Self {
        let state = cell.state();
        let reason = state.push_off.map(|off| reason(off).row().code.to_owned());
        let strict = hub.hall.binding == Binding::Strict || state.strict;
        Self {
            id: site.id,
            name: site.name.clone(),
            url: site.url.clone(),
            state: site.state.as_str().to_owned(),
            push: PushView { on: reason.is_none(), reason },
            users: site.users(),
            country: site.country.clone(),
            language: site.language.clone(),
            binding: if strict { "strict" } else { "open" }.to_owned(),
            limits: limits(hub, cell),
            created_at: site.created_at.rfc3339(),
            trial: state.trial,
        }
    }
}

fn limits(hub: &Hub, cell: &SiteCell) -> LimitsView {
    let (l, figures) = (hub.limits(), cell.figures(hub.clock.now()));
    LimitsView {
        max_site_users: hub.max_users(cell.id),
        push_per_second: figures.push_per_second.get(),
        push_burst: figures.push_burst.get(),
        push_per_day: figures.push_per_day,
        push_per_device_per_minute: l.push_per_device_per_minute.get(),
        devices: hub.hall.table.grants().most_devices(cell.state().trial),
        body_bytes: l.body_bytes as u64,
        payload_bytes: l.payload_bytes as u64,
    }
}

/// What a push would be told.
fn reason(off: PushOff) -> RefusalKind {
    match off {
        PushOff::Suspended => RefusalKind::SiteSuspended,
        PushOff::Unverified => RefusalKind::SiteUnverified,
        PushOff::OverUserLimit => RefusalKind::OverUserLimit,
        PushOff::OptedOut | PushOff::Staff => RefusalKind::PushDisabled,
    }
}

/// Show the site
///
/// The site that the key belongs to: its state, whether it may push and if not why, and its limits.
#[utoipa::path(
    get, path = "/api/v1/site", tag = "Site", operation_id = "show_site",
    responses((status = 200, description = "The site.", body = SiteView)),
)]
pub async fn show(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let id = caller.site();
    let site = hub.db.read(move |conn| sites::find(conn, id)).await?.ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().json(SiteView::new(&hub, &site, caller.grant.site())))
}
