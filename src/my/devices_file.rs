//! A site's devices as a file.

use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;
use futures_util::stream;

use super::devices::Asked;
use super::sites::owned;
use crate::clock::Timestamp;
use crate::devices::{self, Device, Filter};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{DeviceId, SiteId};
use crate::sites::Site;
use crate::visit::Owner;
use crate::web::sheet::{self, cell};

/// How many devices of a file are in memory at once.
const EXPORTED_AT_ONCE: usize = 2_000;

/// A file of devices on its way.
struct Export {
    hub: Data<Hub>,
    site: SiteId,
    filter: Filter,
    upcoming: Upcoming,
}

/// What of a file comes next.
enum Upcoming {
    /// The top of the list, read before the answer began.
    Top(Vec<Device>),
    /// What is older than this.
    Older(DeviceId),
    Nothing,
}

impl Export {
    /// The next part; none after the last. An error cuts the connection: no reader takes half a file for a whole one.
    async fn part(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        let (found, is_top) = match std::mem::replace(&mut self.upcoming, Upcoming::Nothing) {
            Upcoming::Top(found) => (found, true),
            Upcoming::Older(before) => (self.older_than(before).await?, false),
            Upcoming::Nothing => return Ok(None),
        };
        if found.is_empty() && !is_top {
            return Ok(None);
        }
        if let Some(last) = found.last().filter(|_| found.len() == EXPORTED_AT_ONCE) {
            self.upcoming = Upcoming::Older(last.id);
        }
        let lines = lines(&found, is_top)?;
        Ok(Some((lines, self)))
    }

    async fn older_than(&self, before: DeviceId) -> anyhow::Result<Vec<Device>> {
        let (site, filter) = (self.site, self.filter.clone());
        let read = self.hub.db.read(move |conn| devices::page(conn, site, &filter, Some(before), EXPORTED_AT_ONCE as i64));
        read.await.with_context(|| format!("a file of the devices of site {site} broke off"))
    }
}

/// The first line of a file.
const COLUMNS: [&str; 12] = [
    "id",
    "token_end",
    "name",
    "platform",
    "app",
    "channel",
    "language",
    "state",
    "enrolled_at",
    "last_seen_at",
    "confirmed_at",
    "unregistered_at",
];

fn lines(found: &[Device], with_columns: bool) -> anyhow::Result<Bytes> {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    let rows = found.iter().map(|device| {
        [
            device.id.to_string(),
            cell(&device.hint),
            cell(device.name.as_deref().unwrap_or_default()),
            cell(&device.platform),
            cell(&device.app),
            cell(&device.channel),
            cell(device.language.as_deref().unwrap_or_default()),
            device.state().as_str().to_owned(),
            device.created_at.rfc3339(),
            device.seen_at.rfc3339(),
            time(device.confirmed_at),
            time(device.unregistered_at),
        ]
    });
    sheet::rows(with_columns.then_some(COLUMNS), rows)
}

/// `devices-moodle.school.example-2026-01-31.csv`
fn file_name(site: &Site, now: Timestamp) -> String {
    let host = site.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    let time = now.rfc3339();
    format!("devices-{host}-{}.csv", time.split('T').next().unwrap_or_default())
}

/// `GET /my/sites/{site}/devices.csv`: all of the list, page by page, however many there are.
pub async fn download(hub: Data<Hub>, owner: Owner, site: Path<SiteId>, req: HttpRequest) -> Result<HttpResponse, Error> {
    let (account, id, filter) = (owner.account.id, site.into_inner(), Asked::of(&req)?.filter(&hub.ring));
    let wanted = filter.clone();
    let read = hub.db.read(move |conn| {
        let site = owned(conn, account, id)?;
        Ok::<_, Error>((site, devices::page(conn, id, &wanted, None, EXPORTED_AT_ONCE as i64)?))
    });
    let (site, top) = read.await?;
    let name = file_name(&site, hub.clock.now());
    let export = Export { hub, site: id, filter, upcoming: Upcoming::Top(top) };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(stream::try_unfold(export, Export::part)))
}
