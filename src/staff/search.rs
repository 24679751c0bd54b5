//! One field that finds whatever the team may hold in its hands: a name, an address, a mail address, a key, a token, a case.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Either, HttpRequest, HttpResponse};
use askama::Template;

use super::sites::{Answer, SiteRow, with_owners};
use crate::abuse::{self, Case, CaseState};
use crate::accounts::{self, Account};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::devices::{self, DeviceState, Search};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{AccountId, SiteId};
use crate::keys::{self, AccessKey, KeyState};
use crate::my::views::kind_words;
use crate::secret::Keyring;
use crate::sites::{self, Listing, Site, looks_secret};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Fields, Page, Redirect, When, filters};

/// How many of each kind are shown.
const MOST: usize = 50;
/// How many of an account's sites are named with it.
const SITES_OF_ACCOUNT: usize = 5;
/// Up to so many characters are the end of a token, not a whole one.
const END_OF_TOKEN: usize = 6;

/// A site that something else belongs to.
struct Whose {
    id: String,
    name: String,
}

impl Whose {
    fn read(conn: &mut Conn, id: SiteId) -> Result<Self, Fault> {
        let name = sites::find(conn, id)?.map_or_else(|| "–".to_owned(), |site| site.name);
        Ok(Self { id: id.to_string(), name })
    }
}

struct AccountRow {
    id: String,
    name: String,
    email: String,
    role: String,
    sites: Vec<Whose>,
    more: usize,
}

impl AccountRow {
    fn read(conn: &mut Conn, account: &Account) -> Result<Self, Fault> {
        let all = sites::of_account(conn, account.id)?;
        Ok(Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            email: account.email.clone(),
            role: account.role.map(|role| role.to_string()).unwrap_or_default(),
            more: all.len().saturating_sub(SITES_OF_ACCOUNT),
            sites: all.into_iter().take(SITES_OF_ACCOUNT).map(|site| Whose { id: site.id.to_string(), name: site.name }).collect(),
        })
    }
}

struct KeyLine {
    prefix: String,
    kind: &'static str,
    state: Badge,
    site: Whose,
}

impl KeyLine {
    fn read(conn: &mut Conn, key: &AccessKey, now: Timestamp) -> Result<Self, Fault> {
        let state = match key.state(now) {
            KeyState::Working => Badge::new("ok", "Working"),
            KeyState::Ending(_) => Badge::new("warn", "Ends soon"),
            KeyState::Expired => Badge::new("idle", "Ended"),
            KeyState::Revoked => Badge::new("idle", "Revoked"),
        };
        Ok(Self { prefix: format!("{}…", key.prefix), kind: kind_words(key.kind), state, site: Whose::read(conn, key.site_id)? })
    }
}

struct DeviceLine {
    hint: String,
    platform: String,
    state: Badge,
    site: Whose,
}

struct CaseRow {
    id: String,
    number: i64,
    is_open: bool,
    opened: When,
    site: Whose,
}

/// All that was found, by kind.
#[derive(Default)]
struct Found {
    sites: Vec<(Site, Option<Account>)>,
    accounts: Vec<AccountRow>,
    keys: Vec<KeyLine>,
    devices: Vec<DeviceLine>,
    cases: Vec<CaseRow>,
}

/// What is searched for as a text: no stored one has control characters, PostgreSQL takes no NUL, and nobody types more.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The sites whose key or device is named as a whole, two at most, and the part of their pages that has it.
fn owners_of(conn: &mut Conn, ring: &Keyring, text: &str) -> Result<(Vec<SiteId>, &'static str), Fault> {
    if let Some(key) = keys::locate(conn, ring, text)? {
        return Ok((vec![key.site_id], "keys"));
    }
    // The end of a token, as lists show it, names no device as a whole.
    let is_end = text.starts_with('…') || text.chars().count() <= END_OF_TOKEN;
    if is_end || text.contains(char::is_whitespace) {
        return Ok((Vec::new(), "devices"));
    }
    let found = devices::of_any_site(conn, &Search::of(ring, text), 2)?;
    Ok((found.into_iter().map(|(site, _)| site).collect(), "devices"))
}

/// The number of a case: `17`, `#17`, `case 17`.
fn case_number(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let digits = text.strip_prefix("case").unwrap_or(&text).trim().trim_start_matches('#').trim();
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

impl Found {
    fn read(conn: &mut Conn, ring: &Keyring, text: &str, now: Timestamp) -> Result<Self, Fault> {
        let mut found = Self::default();
        if text.is_empty() {
            return Ok(found);
        }
        found.look_at_ids(conn, text)?;
        found.look_at_cases(conn, text)?;
        found.look_at_keys(conn, ring, text, now)?;
        // What begins as a key does is none of the rest.
        if !text.starts_with("belfry_") {
            found.look_at_devices(conn, ring, text)?;
            let listing = Listing::of_words(text);
            let named = sites::list(conn, &listing.filter, now, MOST as i64 + 1)?;
            let new: Vec<Site> = named.into_iter().filter(|site| found.sites.iter().all(|(known, _)| known.id != site.id)).collect();
            found.sites.extend(with_owners(conn, new)?);
            for account in accounts::search(conn, text, MOST as i64 + 1)? {
                found.accounts.push(AccountRow::read(conn, &account)?);
            }
        }
        Ok(found)
    }

    fn look_at_ids(&mut self, conn: &mut Conn, text: &str) -> Result<(), Fault> {
        if let Ok(id) = text.parse::<SiteId>()
            && let Some(site) = sites::find(conn, id)?
        {
            self.sites = with_owners(conn, vec![site])?;
        }
        if let Ok(id) = text.parse::<AccountId>()
            && let Some(account) = accounts::find(conn, id)?
        {
            self.accounts.push(AccountRow::read(conn, &account)?);
        }
        Ok(())
    }

    fn look_at_cases(&mut self, conn: &mut Conn, text: &str) -> Result<(), Fault> {
        let Some(number) = case_number(text) else { return Ok(()) };
        if let Some(case) = abuse::by_number(conn, number)? {
            let Case { id, number, site_id, state, opened_at, .. } = case;
            let site = Whose::read(conn, site_id)?;
            self.cases.push(CaseRow { id: id.to_string(), number, is_open: state == CaseState::Open, opened: opened_at.into(), site });
        }
        Ok(())
    }

    fn look_at_keys(&mut self, conn: &mut Conn, ring: &Keyring, text: &str, now: Timestamp) -> Result<(), Fault> {
        if let Some(key) = keys::locate(conn, ring, text)? {
            self.keys.push(KeyLine::read(conn, &key, now)?);
        } else if text.starts_with("belfry_") && !looks_secret(text) {
            for key in keys::beginning_with(conn, text.trim_end_matches(['…', '.']), MOST as i64 + 1)? {
                self.keys.push(KeyLine::read(conn, &key, now)?);
            }
        }
        Ok(())
    }

    fn look_at_devices(&mut self, conn: &mut Conn, ring: &Keyring, text: &str) -> Result<(), Fault> {
        if text.contains(char::is_whitespace) {
            return Ok(());
        }
        let devices = devices::of_any_site(conn, &Search::of(ring, text), MOST as i64 + 1)?;
        for (site, device) in devices {
            let state = match device.state() {
                DeviceState::Enrolled => Badge::new("ok", "Enrolled"),
                DeviceState::Unconfirmed => Badge::new("idle", "Not confirmed yet"),
                DeviceState::Unregistered => Badge::new("bad", "No longer registered"),
            };
            let site = Whose::read(conn, site)?;
            self.devices.push(DeviceLine { hint: device.hint, platform: device.platform, state, site });
        }
        Ok(())
    }
}

#[derive(Template)]
#[template(path = "staff/search.html")]
struct SearchPage {
    page: Page,
    /// What was looked for; nothing where it may be a secret.
    q: String,
    asked: bool,
    sites: Vec<SiteRow>,
    accounts: Vec<AccountRow>,
    keys: Vec<KeyLine>,
    devices: Vec<DeviceLine>,
    cases: Vec<CaseRow>,
    /// Not all that was found is shown.
    more: bool,
    nothing: bool,
}

fn shown(hub: &Hub, staff: &Staff, text: &str, mut found: Found) -> Result<HttpResponse, Error> {
    let lengths = [found.sites.len(), found.accounts.len(), found.keys.len(), found.devices.len(), found.cases.len()];
    found.sites.truncate(MOST);
    found.accounts.truncate(MOST);
    found.keys.truncate(MOST);
    found.devices.truncate(MOST);
    let page = SearchPage {
        page: staff.visit.page(hub),
        q: if looks_secret(text) { String::new() } else { text.to_owned() },
        asked: !text.is_empty(),
        sites: found.sites.iter().map(|(site, owner)| SiteRow::new(site, owner.as_ref(), hub.max_users(site.id))).collect(),
        accounts: found.accounts,
        keys: found.keys,
        devices: found.devices,
        cases: found.cases,
        more: lengths.iter().any(|length| *length > MOST),
        nothing: lengths.iter().all(|length| *length == 0),
    };
    web::html(StatusCode::OK, &page)
}

fn typed(fields: &Fields) -> String {
    fields.text("q").chars().filter(|c| !c.is_control()).take(5_000).collect::<String>().trim().to_owned()
}

async fn look(hub: &Hub, text: &str) -> Result<Found, Error> {
    let (ring, now, text) = (hub.ring.clone(), hub.clock.now(), text.to_owned());
    Ok(hub.db.read(move |conn| Found::read(conn, &ring, &text, now)).await?)
}

/// `GET /staff/search`
pub async fn show(hub: Data<Hub>, staff: Staff, req: HttpRequest) -> Result<HttpResponse, Error> {
    let text = typed(&Fields::parse(req.query_string().as_bytes()));
    let found = look(&hub, &text).await?;
    shown(&hub, &staff, &text, found)
}

/// `POST /staff/search`: a whole key or token leads to its site, whatever it looks like; what may be one is looked for at once,
/// so that it never stands in an address; anything else has an address of its own.
pub async fn submit(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Answer, Error> {
    let text = typed(&fields);
    let (ring, whole) = (hub.ring.clone(), text.clone());
    let (owners, part) = hub.db.read(move |conn| owners_of(conn, &ring, &whole)).await?;
    if let [site] = owners.as_slice() {
        return Ok(Either::Right(Redirect::to(format!("/staff/sites/{site}#{part}"))));
    }
    if owners.is_empty() && !looks_secret(&text) {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", &text).finish();
        return Ok(Either::Right(Redirect::to(format!("/staff/search?{query}"))));
    }
    let found = look(&hub, &text).await?;
    shown(&hub, &staff, &text, found).map(Either::Left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_known_by_its_number() {
        for text in ["17", "#17", "case 17", "Case #17", "CASE17", "# 17"] {
            assert_eq!(case_number(text), Some(17), "{text}");
        }
        for text in ["", "case", "17a", "-17", "cases 17", "99999999999999999999"] {
            assert_eq!(case_number(text), None, "{text}");
        }
    }
}
