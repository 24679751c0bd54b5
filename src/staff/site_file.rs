//! The list of sites as a file.

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{Either, HttpRequest, HttpResponse};
use anyhow::Context;
use futures_util::stream;

use super::site_list::{self, Asked, with_owners};
use crate::accounts::Account;
use crate::audit::{self, Event};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::hub::Hub;
use crate::sites::{self, COUNTED, Listing, Place, ProofKind, PushOff, Site};
use crate::visit::Staff;
use crate::web::sheet::{self, cell};

/// How many sites of a file are in memory at once.
const EXPORTED_AT_ONCE: usize = 2_000;

type Owned = Vec<(Site, Option<Account>)>;

/// A file of sites on its way.
struct Export {
    hub: Data<Hub>,
    /// From where on it goes on.
    listing: Listing,
    many: bool,
    now: Timestamp,
    upcoming: Upcoming,
}

/// What of a file comes next.
enum Upcoming {
    /// The top of the list, read before the answer began.
    Top(Owned),
    Further,
    Nothing,
}

impl Export {
    /// The next part; none after the last. An error cuts the connection: no reader takes half a file for a whole one.
    async fn part(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        let (found, is_top) = match std::mem::replace(&mut self.upcoming, Upcoming::Nothing) {
            Upcoming::Top(found) => (found, true),
            Upcoming::Further => (self.further().await?, false),
            Upcoming::Nothing => return Ok(None),
        };
        if found.is_empty() && !is_top {
            return Ok(None);
        }
        if let Some((last, _)) = found.last().filter(|_| found.len() == EXPORTED_AT_ONCE) {
            self.listing.after = Some(Place::behind(last, self.listing.sort));
            self.upcoming = Upcoming::Further;
        }
        let lines = lines(&self.hub, &found, is_top)?;
        Ok(Some((lines, self)))
    }

    async fn further(&self) -> anyhow::Result<Owned> {
        let (listing, now, many) = (self.listing.clone(), self.now, self.many);
        let read = self.hub.db.read(move |conn| {
            let found = sites::page_after(conn, &listing, now, many, EXPORTED_AT_ONCE as i64)?;
            with_owners(conn, found)
        });
        read.await.context("a file of sites broke off")
    }
}

/// The first line of a file.
const COLUMNS: [&str; 18] = [
    "id",
    "name",
    "url",
    "state",
    "push",
    "users",
    "country",
    "language",
    "proof",
    "contact_name",
    "contact_email",
    "account_name",
    "account_email",
    "registered_at",
    "last_called_at",
    "held_since",
    "over_limit_since",
    "state_reason",
];

fn push_word(site: &Site, max_users: u64) -> &'static str {
    match site.push_off(max_users) {
        None => "on",
        Some(PushOff::OptedOut) => "opted_out",
        Some(PushOff::OverUserLimit) => "over_user_limit",
        Some(PushOff::Suspended) => "suspended",
        Some(PushOff::Unverified) => "unverified",
        Some(PushOff::Staff) => "staff",
    }
}

fn lines(hub: &Hub, found: &[(Site, Option<Account>)], with_columns: bool) -> anyhow::Result<Bytes> {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    let text = |text: Option<&String>| cell(text.map(String::as_str).unwrap_or_default());
    let rows = found.iter().map(|(site, owner)| {
        [
            site.id.to_string(),
            cell(&site.name),
            cell(&site.url),
            site.state.as_str().to_owned(),
            push_word(site, hub.max_users(site.id)).to_owned(),
            site.users.to_string(),
            cell(&site.country),
            cell(&site.language),
            site.proof.map_or("", ProofKind::as_str).to_owned(),
            text(site.contact_name.as_ref()),
            text(site.contact_email.as_ref()),
            text(owner.as_ref().map(|account| &account.name)),
            text(owner.as_ref().map(|account| &account.email)),
            site.created_at.rfc3339(),
            time(site.called_at),
            time(site.held_since),
            time(site.over_limit_since),
            text(site.state_reason.as_ref()),
        ]
    });
    sheet::rows(with_columns.then_some(COLUMNS), rows)
}

/// `GET /staff/sites.csv`: all of a list, page by page, however many there are. It has people's addresses in it: who took
/// which list away goes to the audit log.
pub async fn download(hub: Data<Hub>, staff: Staff, req: HttpRequest) -> Result<Either<HttpResponse, HttpResponse>, Error> {
    let mut asked = Asked::of(&req);
    if !asked.errors.is_empty() {
        return site_list::page(&hub, &staff, asked, None).await.map(Either::Left);
    }
    asked.listing.after = None;
    let (listing, now, by) = (asked.listing, hub.clock.now(), staff.actor());
    // Not by which words: they may be somebody's address, which would stay in the log.
    let noted = Some("/staff/sites.csv");
    hub.db.write(move |tx| audit::note(tx, now, by, Event::SitesExported, audit::About::default(), noted)).await?;
    let wanted = listing.clone();
    let read = hub.db.read(move |conn| {
        let many = sites::count(conn, &wanted.filter, now)? > COUNTED;
        let found = sites::page_after(conn, &wanted, now, many, EXPORTED_AT_ONCE as i64)?;
        Ok::<_, Error>((many, with_owners(conn, found)?))
    });
    let (many, top) = read.await?;
    let day: String = now.rfc3339().chars().take(10).collect();
    let export = Export { hub, listing, many, now, upcoming: Upcoming::Top(top) };
    Ok(Either::Right(
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"sites-{day}.csv\"")))
            .streaming(stream::try_unfold(export, Export::part)),
    ))
}
