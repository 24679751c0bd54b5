//! The devices of a site: the list, and each one's own page.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpRequest, HttpResponse};
use askama::Template;

use super::sites::owned;
use super::views::{self, KeyRow, SiteHead};
use crate::db::Conn;
use crate::devices::{self, Device, DeviceChange, DeviceLanguage, DeviceName, DeviceState, Filter, Search};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, DeviceId, SiteId};
use crate::keys::{self, AccessKey, KeyKind, Wanted};
use crate::secret::Keyring;
use crate::sites::Site;
use crate::visit::{Owner, Posted};
use crate::web::{self, Badge, Field, Fields, Opt, Page, Redirect, When, filters};

/// How many devices a page lists.
const PAGE: usize = 50;
/// How many of its keys a device's page lists: those that work are among the newest.
const KEYS: i64 = 50;

/// What a list is asked for.
pub struct Asked {
    q: String,
    state: Option<DeviceState>,
    before: Option<DeviceId>,
}

impl Asked {
    /// From the query of a request: what is empty is not asked for.
    pub fn of(req: &HttpRequest) -> Result<Self, Error> {
        let query = Fields::parse(req.query_string().as_bytes());
        let state = match query.text("state") {
            "" => None,
            word => Some(
                word.parse::<DeviceState>().map_err(|words| Error::Malformed(format!("There is no such state of a device: {words}.")))?,
            ),
        };
        let before = match query.text("before") {
            "" => None,
            id => Some(
                id.parse::<DeviceId>().map_err(|_| Error::Malformed("This list can't go on from there. Begin at its top again.".into()))?,
            ),
        };
        Ok(Self { q: query.text("q").to_owned(), state, before })
    }

    pub fn filter(&self, ring: &Keyring) -> Filter {
        let search = Some(self.q.trim()).filter(|text| !text.is_empty()).map(|text| Search::of(ring, text));
        Filter { state: self.state, search, ..Filter::default() }
    }

    /// Whether not all devices are asked for.
    fn is_narrow(&self) -> bool {
        self.state.is_some() || !self.q.trim().is_empty()
    }

    /// The address of `path` with what is asked for, from a place of the list on.
    fn address(&self, path: &str, before: Option<DeviceId>) -> String {
        let state = self.state.map_or("", DeviceState::as_str);
        let before = before.map(|id| id.to_string()).unwrap_or_default();
        let asked = [("q", self.q.as_str()), ("state", state), ("before", before.as_str())];
        let given = asked.into_iter().filter(|(_, value)| !value.is_empty());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

fn list_of(site: SiteId) -> String {
    format!("/my/sites/{site}/devices")
}

fn page_of(site: SiteId, device: DeviceId) -> String {
    format!("/my/sites/{site}/devices/{device}")
}

/// A state in a few words.
fn state_words(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Enrolled => "Enrolled",
        DeviceState::Unconfirmed => "Not confirmed yet",
        DeviceState::Unregistered => "No longer registered",
    }
}

fn state_badge(state: DeviceState) -> Badge {
    let kind = match state {
        DeviceState::Enrolled => "ok",
        DeviceState::Unconfirmed => "idle",
        DeviceState::Unregistered => "bad",
    };
    Badge::new(kind, state_words(state))
}

/// What a state means for the pushes to a device.
fn state_meaning(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Enrolled => "Pushes go to it.",
        DeviceState::Unconfirmed => {
            "It enrolled itself, and your site has not vouched for it. The first push from your site confirms it; without one the hub soon deletes it."
        }
        DeviceState::Unregistered => {
            "Its gateway said that the app is no longer there, so no push goes to it. If it is not enrolled again within 30 days, the hub deletes it."
        }
    }
}

/// What a device is called: its name, or the end of its token.
fn label(device: &Device) -> String {
    match &device.name {
        Some(name) => name.clone(),
        None if device.hint == "…" => "short token".to_owned(),
        None => device.hint.clone(),
    }
}

struct DeviceRow {
    id: String,
    label: String,
    /// The end of its token, where the label is its name.
    hint: Option<String>,
    platform: String,
    language: String,
    state: Badge,
    enrolled: When,
    seen: When,
}

impl From<Device> for DeviceRow {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            label: label(&device),
            state: state_badge(device.state()),
            hint: device.name.is_some().then_some(device.hint),
            platform: device.platform,
            language: device.language.unwrap_or_else(|| "–".to_owned()),
            enrolled: device.created_at.into(),
            seen: device.seen_at.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "my/devices.html")]
struct DevicesPage {
    page: Page,
    site: SiteHead,
    q: String,
    states: Vec<Opt>,
    /// Not all are asked for.
    narrow: bool,
    devices: Vec<DeviceRow>,
    /// The site has one at least.
    any: bool,
    total: u64,
    newest: Option<String>,
    older: Option<String>,
    export: String,
}

/// `GET /my/sites/{site}/devices`
pub async fn index(hub: Data<Hub>, owner: Owner, site: Path<SiteId>, req: HttpRequest) -> Result<HttpResponse, Error> {
    let (account, id, asked) = (owner.account.id, site.into_inner(), Asked::of(&req)?);
    let (filter, before) = (asked.filter(&hub.ring), asked.before);
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        Ok::<_, Error>((site, devices::page(conn, id, &filter, before, PAGE as i64 + 1)?, devices::count(conn, id)?))
    });
    let (site, mut found, total) = read.await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let list = list_of(id);
    let states = [("", "All")].into_iter().chain(DeviceState::ALL.map(|state| (state.as_str(), state_words(state))));
    let page = DevicesPage {
        page: owner.visit.page(&hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        states: web::options(states, asked.state.map_or("", DeviceState::as_str)),
        narrow: asked.is_narrow(),
        any: total > 0,
        total: u64::try_from(total).unwrap_or(0),
        newest: before.map(|_| asked.address(&list, None)),
        older: found.last().filter(|_| more).map(|last| asked.address(&list, Some(last.id))),
        export: asked.address(&format!("{list}.csv"), None),
        devices: found.into_iter().map(DeviceRow::from).collect(),
        q: asked.q,
    };
    web::html(StatusCode::OK, &page)
}

/// A device with what its page shows beside it.
struct Shown {
    site: Site,
    device: Device,
    keys: Vec<AccessKey>,
}

impl Shown {
    fn read(conn: &mut Conn, account: AccountId, site: SiteId, device: DeviceId) -> Result<Self, Error> {
        let site = owned(conn, account, site)?;
        let device = devices::find(conn, site.id, device)?.ok_or(Error::NotFound)?;
        let keys = keys::of_device(conn, device.id, KEYS)?;
        Ok(Self { site, device, keys })
    }

    /// The form as it is before anybody types.
    fn filled(&self) -> Fields {
        let (name, language) = (self.device.name.clone(), self.device.language.clone());
        Fields::of([("name", name.unwrap_or_default()), ("language", language.unwrap_or_default())])
    }
}

struct DeviceView {
    id: String,
    label: String,
    hint: String,
    platform: String,
    app: String,
    channel: String,
    language: String,
    state: Badge,
    meaning: &'static str,
    enrolled: When,
    confirmed: Option<When>,
    seen: When,
    unregistered: Option<When>,
}

impl From<&Device> for DeviceView {
    fn from(device: &Device) -> Self {
        Self {
            id: device.id.to_string(),
            label: label(device),
            hint: device.hint.clone(),
            platform: device.platform.clone(),
            app: device.app.clone(),
            channel: device.channel.clone(),
            language: device.language.clone().unwrap_or_else(|| "–".to_owned()),
            state: state_badge(device.state()),
            meaning: state_meaning(device.state()),
            enrolled: device.created_at.into(),
            confirmed: device.confirmed_at.map(When::from),
            seen: device.seen_at.into(),
            unregistered: device.unregistered_at.map(When::from),
        }
    }
}

struct DeviceForm {
    name: Field,
    language: Field,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "my/device.html")]
struct DevicePage {
    page: Page,
    site: SiteHead,
    device: DeviceView,
    form: DeviceForm,
    keys: Vec<KeyRow>,
    can_issue: bool,
}

fn page(hub: &Hub, owner: &Owner, shown: &Shown, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let page = DevicePage {
        page: owner.visit.page(hub),
        site: SiteHead::new(&shown.site, hub.max_users(shown.site.id)),
        device: (&shown.device).into(),
        form: DeviceForm { name: fields.field("name", errors), language: fields.field("language", errors), errors: errors.listed() },
        keys: views::key_rows(&shown.keys, hub),
        can_issue: shown.site.may_have_keys(),
    };
    web::html(status, &page)
}

/// `GET /my/sites/{site}/devices/{device}`
pub async fn show(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, DeviceId)>) -> Result<HttpResponse, Error> {
    let (account, (id, device)) = (owner.account.id, path.into_inner());
    let shown = hub.db.read(move |conn| Shown::read(conn, account, id, device)).await?;
    page(&hub, &owner, &shown, &shown.filled(), &FieldErrors::default(), StatusCode::OK)
}

/// What is wrong with a field, as a sentence: the words of devices are made for programs, too.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), chars.as_str())
}

fn read(fields: &Fields, errors: &mut FieldErrors) -> Option<DeviceChange> {
    let name = fields.read("name", errors, |text| DeviceName::parse(text).map_err(|words| sentence(&words)));
    let language = fields.read("language", errors, |text| match text.trim() {
        "" => Ok(None),
        code => DeviceLanguage::parse(code).map(Some).map_err(|words| sentence(&words)),
    });
    Some(DeviceChange { name: name?, language: language? })
}

/// `POST /my/sites/{site}/devices/{device}`: its name and its language.
pub async fn change(
    hub: Data<Hub>,
    owner: Owner,
    path: Path<(SiteId, DeviceId)>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, (id, device), now) = (owner.account.id, path.into_inner(), hub.clock.now());
    let mut errors = FieldErrors::default();
    let Some(change) = read(&fields, &mut errors) else {
        let shown = hub.db.read(move |conn| Shown::read(conn, account, id, device)).await?;
        return page(&hub, &owner, &shown, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).map(Either::Left);
    };
    let changed = hub.db.write(move |tx| {
        owned(tx.conn(), account, id)?;
        Ok::<_, Error>(devices::change(tx, now, id, device, &change)?)
    });
    if !changed.await? {
        return Err(Error::NotFound);
    }
    Ok(Either::Right(Redirect::to(page_of(id, device)).flash("ok", "Saved.")))
}

/// `POST /my/sites/{site}/devices/{device}/delete`
pub async fn delete(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, DeviceId)>, _: Posted) -> Result<Redirect, Error> {
    let (account, (id, device), now) = (owner.account.id, path.into_inner(), hub.clock.now());
    let deleted = hub.db.write(move |tx| {
        owned(tx.conn(), account, id)?;
        Ok::<_, Error>(devices::delete_by_id(tx, now, id, device)?)
    });
    if !deleted.await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to(list_of(id)).flash("ok", "The device is deleted. A key of its own no longer works."))
}

#[derive(Template)]
#[template(path = "my/device_key.html")]
struct DeviceKeyPage {
    page: Page,
    site: SiteHead,
    device: DeviceView,
    key: String,
}

/// `POST /my/sites/{site}/devices/{device}/keys`: the answer shows the key, once.
pub async fn issue_key(hub: Data<Hub>, owner: Owner, path: Path<(SiteId, DeviceId)>, _: Posted) -> Result<HttpResponse, Error> {
    let (account, (id, device), now, ring) = (owner.account.id, path.into_inner(), hub.clock.now(), hub.ring.clone());
    let by = owner.actor();
    let issued = hub.db.write(move |tx| {
        let site = owned(tx.conn(), account, id)?;
        let found = devices::hold(tx.conn(), id, device)?.ok_or(Error::NotFound)?;
        let wanted = Wanted { device: Some(device), ..KeyKind::Device.into() };
        let (_, key) = keys::issue(tx, &ring, now, by, id, wanted)?;
        Ok::<_, Error>((site, found, key))
    });
    let (site, device, key) = issued.await?;
    let page = DeviceKeyPage {
        page: owner.visit.page(&hub),
        site: SiteHead::new(&site, hub.max_users(site.id)),
        device: (&device).into(),
        key: key.expose_secret().to_owned(),
    };
    web::html(StatusCode::CREATED, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_sentence() {
        assert_eq!(sentence("use at most 60 characters"), "Use at most 60 characters.");
    }
}
