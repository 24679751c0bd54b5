use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde_json::json;

use super::sites::{Cursor, owned};
use super::views::{self, SiteHead};
use crate::broadcasts::{self, Broadcast, BroadcastState, Draft, Wanted};
use crate::clock::Timestamp;
use crate::devices::{self, AppName};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{BroadcastId, SiteId};
use crate::settings::MOODLE_APP;
use crate::sites::Site;
use crate::visit::{Owner, Posted};
use crate::web::{self, Badge, Field, Fields, Opt, Page, Redirect, When, filters};

/// How many broadcasts a page lists.
const PAGE: usize = 20;
/// The longest title and text, in characters.
const TITLE_CHARS: usize = 100;
const TEXT_CHARS: usize = 1_000;

/// A broadcast on the list.
struct Row {
    id: String,
    /// To whom: its app, and the channel and the platform if there are any.
    whom: String,
    state: Badge,
    is_open: bool,
    total: i64,
    begun: i64,
    sent: i64,
    refused: i64,
    unknown: i64,
    /// What `unknown` is called: on their way, or never known.
    unknown_words: &'static str,
    created: When,
    started: Option<When>,
    ended: Option<When>,
    why: Option<String>,
}

impl Row {
    fn new(broadcast: Broadcast) -> Self {
        let unknown = broadcast.unknown();
        let is_open = broadcast.is_open();
        let channel = broadcast.channel.map(|channel| format!(", channel {channel}")).unwrap_or_default();
        let platform = broadcast.platform.map(|platform| format!(", {platform}")).unwrap_or_default();
        Self {
            id: broadcast.id.to_string(),
            whom: format!("{}{channel}{platform}", broadcast.app),
            state: badge(broadcast.state),
            is_open,
            total: broadcast.total,
            begun: broadcast.begun.min(broadcast.total),
            sent: broadcast.sent,
            refused: broadcast.refused,
            unknown,
            unknown_words: if is_open { "on their way, or not known" } else { "not known" },
            created: broadcast.created_at.into(),
            started: broadcast.started_at.map(When::from),
            ended: broadcast.ended_at.map(When::from),
            why: broadcast.why,
        }
    }
}

fn badge(state: BroadcastState) -> Badge {
    match state {
        BroadcastState::Waiting => Badge::new("idle", "Waiting"),
        BroadcastState::Running => Badge::new("warn", "Under way"),
        BroadcastState::Done => Badge::new("ok", "Done"),
        BroadcastState::Cancelled => Badge::new("idle", "Cancelled"),
        BroadcastState::Failed => Badge::new("bad", "Failed"),
    }
}

struct BroadcastForm {
    title: Field,
    text: Field,
    app: Vec<Opt>,
    app_error: Option<String>,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "my/broadcasts.html")]
struct BroadcastsPage {
    page: Page,
    site: SiteHead,
    form: BroadcastForm,
    /// Why none can be started now.
    why_not: Option<String>,
    per_second: u32,
    devices: i64,
    rows: Vec<Row>,
    next: Option<String>,
}

/// What the page shows: the site, and its broadcasts older than some one.
struct Shown {
    site: Site,
    found: Vec<Broadcast>,
    /// How many devices the site has.
    devices: i64,
}

async fn read(hub: &Hub, owner: &Owner, id: SiteId, before: Option<BroadcastId>) -> Result<Shown, Error> {
    let account = owner.account.id;
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        let devices = devices::count(conn, id)?;
        Ok::<_, Error>(Shown { site, found: broadcasts::page(conn, id, before, PAGE as i64 + 1)?, devices })
    });
    read.await
}

/// Why a site can't start a broadcast.
fn why_not(hub: &Hub, site: &Site) -> Option<String> {
    let max_users = hub.max_users(site.id);
    site.push_off(max_users)?;
    Some(views::push_reason(site, max_users).unwrap_or_else(|| "Push is off for this site.".to_owned()))
}

fn page(hub: &Hub, owner: &Owner, shown: Shown, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let Shown { site, mut found, devices } = shown;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let app = if fields.text("app").is_empty() { MOODLE_APP } else { fields.text("app") };
    let form = BroadcastForm {
        title: fields.field("title", errors),
        text: fields.field("text", errors),
        app: web::options(hub.hall.apps.keys().map(|name| (name.as_str(), name.as_str())), app),
        app_error: errors.of("app"),
        errors: errors.listed(),
    };
    let page = BroadcastsPage {
        page: owner.visit.page(hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        form,
        why_not: why_not(hub, &site),
        per_second: hub.limits().broadcast_per_second.get(),
        devices,
        next: found.last().filter(|_| more).map(|last| last.id.to_string()),
        rows: found.into_iter().map(Row::new).collect(),
    };
    web::html(status, &page)
}

/// `GET /my/sites/{site}/broadcasts`
pub async fn index(hub: Data<Hub>, owner: Owner, site: Path<SiteId>, cursor: Query<Cursor<BroadcastId>>) -> Result<HttpResponse, Error> {
    let shown = read(&hub, &owner, site.into_inner(), cursor.before).await?;
    page(&hub, &owner, shown, &Fields::default(), &FieldErrors::default(), StatusCode::OK)
}

/// A line or a text that somebody has to write.
fn written(text: &str, what: &str, most: usize) -> Result<String, String> {
    let text = text.trim().replace("\r\n", "\n");
    match text.chars().count() {
        0 => Err(format!("Write {what}.")),
        n if n > most => Err(format!("At most {most} characters, please; this has {n}.")),
        _ => Ok(text),
    }
}

/// What was typed, as a message for Moodle's app: a notification of the site that a tap opens the app by.
fn drafted(hub: &Hub, site: &Site, fields: &Fields, now: Timestamp, errors: &mut FieldErrors) -> Option<(AppName, Draft)> {
    let title = fields.read("title", errors, |text| written(text, "a title", TITLE_CHARS));
    let text = fields.read("text", errors, |text| written(text, "what you want to say", TEXT_CHARS));
    let app = fields.read("app", errors, |name| {
        AppName::parse(name).filter(|name| hub.hall.apps.contains_key(name.as_str())).ok_or_else(|| "Choose one of the apps.".to_owned())
    });
    let said = json!({
        "alert": {"title": title?, "body": text?},
        "extra": {
            "processor": "moodle", "notification": 1, "component": "moodle", "name": "notices", "wwwroot": site.url,
            "sitefullname": site.name, "timecreated": now.seconds(),
        },
    });
    let app = app?;
    match Draft::parse(said.to_string().as_bytes()) {
        Err(bad) => errors.add("text", bad.words),
        Ok(draft) => match draft.fits(hub.hall.payload_bytes) {
            Ok(()) => return Some((app, draft)),
            Err(words) => errors.add("text", format!("This is too long for a phone: {words}.")),
        },
    }
    None
}

/// `POST /my/sites/{site}/broadcasts`
pub async fn start(
    hub: Data<Hub>,
    owner: Owner,
    site: Path<SiteId>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, id, now) = (owner.account.id, site.into_inner(), hub.clock.now());
    let by = owner.actor();
    let shown = read(&hub, &owner, id, None).await?;
    if let Some(words) = why_not(&hub, &shown.site) {
        return Err(Error::Conflict(words));
    }
    let mut errors = FieldErrors::default();
    let Some((app, draft)) = drafted(&hub, &shown.site, &fields, now, &mut errors) else {
        return page(&hub, &owner, shown, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).map(Either::Left);
    };
    hub.doors.broadcasts.take(&id).map_err(Error::Limited)?;
    let ring = hub.ring.clone();
    let begun = hub.db.write(move |tx| {
        owned(tx.conn(), account, id)?;
        let wanted = Wanted { site: id, app: &app, draft: &draft, note: "" };
        let broadcast = broadcasts::start(tx, &ring, now, by, &wanted)?;
        Ok::<_, Error>(broadcasts::find(tx.conn(), id, broadcast)?.map_or(0, |broadcast| broadcast.total))
    });
    match begun.await {
        Ok(total) => {
            let to = Redirect::to(format!("/my/sites/{id}/broadcasts"));
            Ok(Either::Right(match total {
                0 => to.flash("warn", "No device of this site uses that app: nobody gets it."),
                1 => to.flash("ok", "It is on its way to one device."),
                n => to.flash("ok", &format!("It is on its way to {} devices.", filters::with_commas(&n.to_string()))),
            }))
        }
        // What was typed is not lost: it can be sent when another one is over.
        Err(Error::Conflict(words)) => {
            errors.add("form", words);
            page(&hub, &owner, shown, &fields, &errors, StatusCode::CONFLICT).map(Either::Left)
        }
        Err(other) => Err(other),
    }
}

/// `POST /my/sites/{site}/broadcasts/{broadcast}/cancel`
pub async fn cancel(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, BroadcastId)>, _: Posted) -> Result<Redirect, Error> {
    let (account, (id, broadcast), now) = (owner.account.id, path.into_inner(), hub.clock.now());
    let by = owner.actor();
    let cancelled = hub.db.write(move |tx| {
        owned(tx.conn(), account, id)?;
        Ok::<_, Error>(broadcasts::cancel(tx, now, by, id, broadcast)?)
    });
    cancelled.await?;
    Ok(Redirect::to(format!("/my/sites/{id}/broadcasts")).flash("ok", "Cancelled: nobody else gets it."))
}
