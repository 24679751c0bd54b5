use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::abuse::{self, NewReport};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::ids::SiteId;
use crate::limits::Network;
use crate::mail::EmailAddress;
use crate::secret::{self, Keyring, Purpose};
use crate::sites::{self, SiteState, SiteUrl};
use crate::visit::{Posted, Visit};
use crate::web::{self, Field, Fields, Page};

/// The longest words about which site it is and about what it does, in characters.
const ABOUT_CHARS: usize = 500;
const MESSAGE_CHARS: usize = 4_000;

/// How many reports that wait are looked through for one that says the same.
const LOOKED_THROUGH: i64 = 500;

/// Nobody reads and fills the form in faster than this; programs do.
const FASTEST: Duration = Duration::from_secs(3);
/// An older form is shown again: what is sent by hand is sent on the day.
const OLDEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Template)]
#[template(path = "public/report_abuse.html")]
struct ReportPage {
    page: Page,
    about: Field,
    message: Field,
    email: Field,
    errors: Vec<(String, String)>,
    /// When this form was shown, signed.
    shown: String,
    /// It was sent. What became of it is not told: neither a program nor the site's own people learn anything by it.
    done: bool,
}

fn page(hub: &Hub, visit: &Visit, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    show_as(hub, visit, fields, errors, (status, false))
}

fn show_as(hub: &Hub, visit: &Visit, fields: &Fields, errors: &FieldErrors, how: (StatusCode, bool)) -> Result<HttpResponse, Error> {
    let (status, done) = how;
    let page = ReportPage {
        page: visit.page(hub),
        about: fields.field("about", errors),
        message: fields.field("message", errors),
        email: fields.field("email", errors),
        errors: errors.listed(),
        shown: stamp(&hub.ring, hub.clock.now(), &visit.csrf),
        done,
    };
    web::html(status, &page)
}

fn thanks(hub: &Hub, visit: &Visit) -> Result<HttpResponse, Error> {
    show_as(hub, visit, &Fields::default(), &FieldErrors::default(), (StatusCode::OK, true))
}

/// When a form was shown to whom, so that only the hub can have written it.
fn stamp(ring: &Keyring, now: Timestamp, visitor: &str) -> String {
    let at = now.micros().to_string();
    let hash = ring.hash(Purpose::FormTime, &[at.as_bytes(), b" ", visitor.as_bytes()]);
    format!("{at}.{}", URL_SAFE_NO_PAD.encode(hash))
}

/// How old a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    /// Shown to this visitor, and sent in the time that a person takes.
    Fitting,
    /// Shown to this visitor, but long ago.
    Old,
    /// Sent faster than anybody types, or never shown by this hub to this visitor.
    Machine,
}

fn age(ring: &Keyring, now: Timestamp, visitor: &str, stamped: &str) -> Age {
    let at = stamped.split_once('.').and_then(|(at, _)| at.parse::<i64>().ok()).map(Timestamp::from_micros);
    let Some(at) = at.filter(|at| secret::same(stamp(ring, *at, visitor).as_bytes(), stamped.as_bytes())) else { return Age::Machine };
    match now.since(at) {
        taken if taken < FASTEST => Age::Machine,
        taken if taken > OLDEST => Age::Old,
        _ => Age::Fitting,
    }
}

/// `GET /report-abuse`: for whoever is bothered by what a site sends.
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    page(&hub, &visit, &Fields::default(), &FieldErrors::default(), StatusCode::OK)
}

/// A report as it was typed.
struct Report {
    about: String,
    message: String,
    email: Option<EmailAddress>,
}

/// A text that somebody has to write.
fn written(text: &str, nothing: &str, most: usize) -> Result<String, String> {
    let text = text.trim().replace("\r\n", "\n");
    match text.chars().count() {
        0 => Err(nothing.to_owned()),
        n if n > most => Err(format!("At most {most} characters, please; this has {n}.")),
        _ if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
            Err("This has characters that can't be shown.".to_owned())
        }
        _ => Ok(text),
    }
}

fn typed(fields: &Fields, errors: &mut FieldErrors) -> Option<Report> {
    let nowhere = "Say which site it is: its address, its name, or what is in the message.";
    let about = fields.read("about", errors, |text| written(text, nowhere, ABOUT_CHARS));
    let message = fields.read("message", errors, |text| written(text, "Say what happens.", MESSAGE_CHARS));
    let email = match fields.text("email").trim() {
        "" => Some(None),
        _ => fields.read("email", errors, EmailAddress::parse).map(Some),
    };
    Some(Report { about: about?, message: message?, email: email? })
}

/// `POST /report-abuse`. A program that is caught sees what everybody sees.
pub async fn submit(hub: Data<Hub>, visit: Visit, Posted(mut fields): Posted) -> Result<HttpResponse, Error> {
    // Other names that programs of people's own may know these fields by.
    for (name, other) in [("about", "url"), ("message", "description")] {
        if let (None, Some(text)) = (fields.given(name), fields.given(other)) {
            let text = text.to_owned();
            fields.set(name, &text);
        }
    }
    if !fields.text("homepage").is_empty() {
        tracing::info!("a report of abuse by a program was passed over");
        return thanks(&hub, &visit);
    }
    let age = age(&hub.ring, hub.clock.now(), &visit.csrf, fields.text("shown"));
    let mut errors = FieldErrors::default();
    if age == Age::Old {
        errors.add("form", "This page was open for more than a day. Look at what you have written, and send it again.");
        return page(&hub, &visit, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let Some(report) = typed(&fields, &mut errors) else {
        return page(&hub, &visit, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY);
    };
    hub::pass(&hub.doors.abuse_reports, visit.address)?;
    take(&hub, report, age == Age::Machine, Network::from(visit.address).coarse()).await?;
    thanks(&hub, &visit)
}

/// Keeps a report. One that came faster than people write opens no case: somebody of the team looks at it first.
async fn take(hub: &Data<Hub>, report: Report, is_doubtful: bool, network: String) -> Result<(), Error> {
    let (now, url) = (hub.clock.now(), SiteUrl::parse(&report.about).ok().filter(|_| !is_doubtful));
    let new = NewReport { site: None, about: report.about, words: report.message, reporter_email: report.email, network };
    let hub_again = hub.clone();
    let taken = hub.db.write(move |tx| {
        tx.alone()?;
        let site = url.as_ref().map(|url| site_at(tx.conn(), url)).transpose()?.flatten();
        let new = NewReport { site, ..new.clone() };
        if !is_known(tx.conn(), &new)? {
            abuse::report(tx, &hub_again.clerk(), now, &new)?;
        }
        Ok::<_, Error>(())
    });
    taken.await
}

/// Whether the same words about the same site wait for the team already: said again, they are nothing new.
fn is_known(conn: &mut Conn, new: &NewReport) -> Result<bool, Fault> {
    let mut known = abuse::loose_reports(conn, None, LOOKED_THROUGH)?;
    if let Some(site) = new.site
        && let Some(case) = abuse::open_of(conn, site)?
    {
        known.extend(abuse::reports_of_case(conn, case.id, LOOKED_THROUGH)?);
    }
    let about_same = |site: Option<SiteId>, about: &str| if new.site.is_some() { site == new.site } else { about == new.about };
    Ok(known.iter().any(|known| known.words == new.words && about_same(known.site_id, &known.about)))
}

/// The site of an address: the one that may push from there.
fn site_at(conn: &mut Conn, url: &SiteUrl) -> Result<Option<SiteId>, Fault> {
    let known = sites::at_address(conn, url)?.into_iter().filter(|site| site.held_since.is_none());
    let rank = |site: &sites::Site| match site.state {
        SiteState::Active => Some(0),
        SiteState::Suspended => Some(1),
        SiteState::Claimed => Some(2),
        SiteState::Registered | SiteState::Unverified | SiteState::Unregistered => None,
    };
    Ok(known.filter_map(|site| rank(&site).map(|rank| (rank, site.id))).min().map(|(_, id)| id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_good_for_its_visitor_from_three_seconds_to_a_day() {
        let ring = Keyring::derive(&"a secret of a good thirty-two characters".into());
        let shown = Timestamp::from_micros(1_790_000_000_000_000);
        let stamped = stamp(&ring, shown, "visitor");
        let after = |seconds: u64| age(&ring, shown + (Duration::from_secs(seconds)), "visitor", &stamped);
        let ages = [0, 2, 3, 86_400, 86_401].map(after);
        assert_eq!(ages, [Age::Machine, Age::Machine, Age::Fitting, Age::Fitting, Age::Old]);
        let later = shown + (Duration::from_secs(60));
        assert_eq!(age(&ring, later, "somebody else", &stamped), Age::Machine);
        let older = stamped.replacen("1790000000", "1780000000", 1);
        for forged in ["", "x", "1790000000000000", "1790000000000000.", older.as_str()] {
            assert_eq!(age(&ring, later, "visitor", forged), Age::Machine, "{forged}");
        }
    }
}
