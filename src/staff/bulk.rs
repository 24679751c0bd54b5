//! One act on many sites: first what would happen to each is shown, then it is done to what was shown and to nothing else.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Either, HttpResponse};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::site_list::{Asked, SiteRow, with_owners};
use crate::abuse::{self, Clerk};
use crate::accounts::Account;
use crate::audit::{Actor, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::sites::{self, Act, Became, Order, ProofKind, Site, Words};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Field, Fields, Opt, Page, filters, options};

/// To how many sites something is done at once.
pub const MOST: usize = 1_000;
/// To how many of them in one transaction: others that write wait behind it.
const AT_ONCE: usize = 20;

fn label(act: Act) -> &'static str {
    match act {
        Act::Suspend => "Suspend",
        Act::Lift => "Lift the suspension",
        Act::Verify => "Approve",
        Act::StopPush => "Stop push",
        Act::AllowPush => "Allow push again",
        Act::Notice => "Send a notice",
    }
}

/// What happens to a site, for the table of the preview.
fn effect(act: Act) -> &'static str {
    match act {
        Act::Suspend => "Its pushes are refused. Its contact is told by mail.",
        Act::Lift => "It is where it was before. Its contact is told by mail.",
        Act::Verify => "It becomes active. Its contact is told by mail.",
        Act::StopPush => "Its pushes are refused, whatever its admin wants.",
        Act::AllowPush => "Its admin decides about push again.",
        Act::Notice => "Its contact gets the mail.",
    }
}

/// The acts to choose from.
pub fn acts(chosen: &str) -> Vec<Opt> {
    options(Act::ALL.iter().map(|act| (act.as_str(), label(*act))), chosen)
}

/// Sites in the revision in which somebody has seen them, as a form carries them.
struct Seen(Vec<(SiteId, i64)>);

impl Seen {
    const EACH: usize = 24;

    fn written(&self) -> String {
        let bytes: Vec<u8> =
            self.0.iter().flat_map(|(id, revision)| [id.as_bytes().as_slice(), &revision.to_be_bytes()].concat()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        if !bytes.len().is_multiple_of(Self::EACH) || bytes.len() / Self::EACH > MOST {
            return None;
        }
        let one = |part: &[u8]| {
            let (id, revision) = part.split_at_checked(16)?;
            Some((SiteId::from_bytes(id.try_into().ok()?), i64::from_be_bytes(revision.try_into().ok()?)))
        };
        bytes.chunks(Self::EACH).map(one).collect::<Option<Vec<_>>>().map(Self)
    }
}

/// What is to be done. The words of a notice are asked for on the preview.
fn order(fields: &Fields, errors: &mut FieldErrors) -> Option<Order> {
    let act = fields.read("act", errors, |word| word.parse().map_err(|_| "Choose what is to be done.".to_owned()));
    let reason = fields.read("reason", errors, Reason::parse);
    let words = if act == Some(Act::Notice) && fields.given("subject").is_some() {
        let (subject, body) = (fields.read("subject", errors, Words::subject), fields.read("body", errors, Words::body));
        Some(Words::new(subject?, body?))
    } else {
        None
    };
    Some(Order { act: act?, reason: reason?, words })
}

/// A site, and what would become of it.
struct Row {
    site: SiteRow,
    may: bool,
    words: String,
}

/// What became of a site.
struct Done {
    id: String,
    name: String,
    url: String,
    badge: Badge,
    words: String,
}

#[derive(Template)]
#[template(path = "staff/bulk.html")]
struct Preview {
    page: Page,
    acts: Vec<Opt>,
    act_error: Option<String>,
    title: String,
    danger: bool,
    reason: Field,
    is_notice: bool,
    subject: Field,
    body: Field,
    errors: Vec<(String, String)>,
    rows: Vec<Row>,
    may: usize,
    refused: usize,
    seen: String,
    query: String,
}

#[derive(Template)]
#[template(path = "staff/bulk_done.html")]
struct Report {
    page: Page,
    title: String,
    rows: Vec<Done>,
    done: usize,
    left: usize,
    query: String,
}

/// A site with who owns it, and why the act that was chosen can't be done to it.
struct Shown {
    site: Site,
    owner: Option<Account>,
    refused: Option<String>,
}

/// The sites that a form means: those that are ticked, or all that its list is for.
fn meant(fields: &Fields) -> Result<Either<Vec<SiteId>, Asked>, Error> {
    if fields.on("all") {
        return Ok(Either::Right(Asked::from_query(fields.text("query"))));
    }
    let ids: Result<Vec<SiteId>, _> = fields.ticked("site-").into_iter().take(MOST + 1).map(str::parse).collect();
    ids.map(Either::Left).map_err(|_| Error::Malformed("There is no such site.".into()))
}

fn read(conn: &mut Conn, meant: &Either<Vec<SiteId>, Asked>, act: Option<Act>, now: Timestamp) -> Result<Vec<Shown>, Error> {
    let ids = match meant {
        Either::Left(ids) => ids.clone(),
        Either::Right(asked) => sites::ids(conn, &asked.listing.filter, now, MOST as i64 + 1)?,
    };
    if ids.len() > MOST {
        return Err(Error::Conflict(format!("These are more than {MOST} sites. Narrow the list down, and do it in parts.")));
    }
    of_ids(conn, &ids, act, now)
}

fn of_ids(conn: &mut Conn, ids: &[SiteId], act: Option<Act>, now: Timestamp) -> Result<Vec<Shown>, Error> {
    let found = sites::find_all(conn, ids)?;
    let mut all = Vec::with_capacity(found.len());
    for (site, owner) in with_owners(conn, found)? {
        let refused = match act {
            Some(act) => act.refused(conn, &site, now)?,
            None => Some("Choose first what is to be done.".to_owned()),
        };
        all.push(Shown { site, owner, refused });
    }
    Ok(all)
}

/// The act that a form names.
fn act_of(fields: &Fields) -> Option<Act> {
    fields.text("act").parse().ok()
}

/// What would happen, with what is wrong with the form.
fn previewed(hub: &Hub, staff: &Staff, fields: &Fields, errors: FieldErrors, found: &[Shown]) -> Result<HttpResponse, Error> {
    let act = act_of(fields);
    let row = |Shown { site, owner, refused }: &Shown| {
        let words = refused.clone().unwrap_or_else(|| act.map_or("", effect).to_owned());
        Row { site: SiteRow::new(site, owner.as_ref(), hub.max_users(site.id)), may: refused.is_none(), words }
    };
    let rows: Vec<Row> = found.iter().map(row).collect();
    let seen = Seen(found.iter().filter(|shown| shown.refused.is_none()).map(|shown| (shown.site.id, shown.site.revision)).collect());
    let mut listed = errors.listed();
    if found.is_empty() {
        listed.push(("form".to_owned(), "No site is chosen. Go back to the list and tick some, or all.".to_owned()));
    }
    let status = if listed.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Preview {
        page: staff.visit.page(hub),
        acts: acts(fields.text("act")),
        act_error: errors.of("act"),
        title: act.map_or("Many sites at once", label).to_owned(),
        danger: matches!(act, Some(Act::Suspend | Act::StopPush)),
        reason: fields.field("reason", &errors),
        is_notice: act == Some(Act::Notice),
        subject: fields.field("subject", &errors),
        body: fields.field("body", &errors),
        may: seen.0.len(),
        refused: rows.len() - seen.0.len(),
        rows,
        seen: seen.written(),
        query: Asked::from_query(fields.text("query")).listing.query(),
        errors: listed,
    };
    web::html(status, &page)
}

/// `POST /staff/sites/bulk`: shows what would happen to each; nothing is done yet.
pub async fn preview(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let meant = meant(&fields)?;
    if let Either::Right(asked) = &meant
        && !asked.errors.is_empty()
    {
        return Err(Error::Invalid(asked.errors.clone()));
    }
    let (act, now) = (act_of(&fields), hub.clock.now());
    let found = hub.db.read(move |conn| read(conn, &meant, act, now)).await?;
    let mut errors = FieldErrors::default();
    let _ = order(&fields, &mut errors);
    previewed(&hub, &staff, &fields, errors, &found)
}

/// `POST /staff/sites/bulk/run`: does it to what was shown, some at a time. A site that has changed since is left alone.
pub async fn run(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    let seen = Seen::parse(fields.text("seen")).filter(|seen| !seen.0.is_empty());
    let seen = seen.ok_or_else(|| Error::Malformed("No site is chosen. Go back to the list and tick some, or all.".into()))?;
    let mut errors = FieldErrors::default();
    let Some(order) = order(&fields, &mut errors).filter(|order| order.act != Act::Notice || order.words.is_some()) else {
        let ids: Vec<SiteId> = seen.0.iter().map(|(id, _)| *id).collect();
        let (act, now) = (act_of(&fields), hub.clock.now());
        let found = hub.db.read(move |conn| of_ids(conn, &ids, act, now)).await?;
        return previewed(&hub, &staff, &fields, errors, &found);
    };
    let became = carry_out(&hub, &staff, &order, &seen).await;
    let ids: Vec<SiteId> = seen.0.iter().map(|(id, _)| *id).collect();
    let found = hub.db.read(move |conn| sites::find_all(conn, &ids)).await?;
    let rows: Vec<Done> = became.iter().map(|(id, became)| done(*id, found.iter().find(|site| site.id == *id), became.as_ref())).collect();
    let count = became.iter().filter(|(_, became)| *became == Some(Became::Done)).count();
    let page = Report {
        page: staff.visit.page(&hub),
        title: label(order.act).to_owned(),
        done: count,
        left: rows.len() - count,
        rows,
        query: Asked::from_query(fields.text("query")).listing.query(),
    };
    web::html(StatusCode::OK, &page)
}

/// Does something to a site that somebody has looked at in this revision, and only to that: as it is done to one site, so that
/// its case knows of it.
fn act_on_seen(tx: &mut Tx, clerk: &Clerk, now: Timestamp, by: Actor, seen: (SiteId, i64), order: &Order) -> Result<Became, Error> {
    let site = match sites::as_seen(tx, now, seen, order.act)? {
        Ok(site) => site,
        Err(became) => return Ok(became),
    };
    let (id, reason) = (site.id, &order.reason);
    match order.act {
        Act::Suspend => abuse::suspend_site(tx, clerk, now, by, id, reason).map(drop)?,
        Act::Lift => abuse::lift_site(tx, clerk, now, by, id, reason)?,
        Act::Verify => sites::prove(tx, clerk.desk, now, by, id, ProofKind::Staff, Some(reason)).map(drop)?,
        Act::StopPush => abuse::stop_push_of_site(tx, clerk, now, by, id, true, reason)?,
        Act::AllowPush => abuse::stop_push_of_site(tx, clerk, now, by, id, false, reason)?,
        Act::Notice => return sites::notify(tx, clerk.desk, now, by, &site, order),
    }
    Ok(Became::Done)
}

/// Does it, in parts. What comes after a part that could not be written is not tried: `None`.
async fn carry_out(hub: &Data<Hub>, staff: &Staff, order: &Order, seen: &Seen) -> Vec<(SiteId, Option<Became>)> {
    let mut became: Vec<(SiteId, Option<Became>)> = Vec::with_capacity(seen.0.len());
    for part in seen.0.chunks(AT_ONCE) {
        let (some, now, by, again) = (part.to_vec(), hub.clock.now(), staff.actor(), hub.clone());
        let wanted = order.clone();
        let written = hub.db.write(move |tx| {
            let clerk = again.clerk();
            let each = some.iter().map(|one| act_on_seen(tx, &clerk, now, by, *one, &wanted));
            each.collect::<Result<Vec<Became>, Error>>()
        });
        match written.await {
            Ok(part_became) => became.extend(part.iter().map(|(id, _)| *id).zip(part_became.into_iter().map(Some))),
            Err(error) => {
                tracing::error!(%error, act = order.act.as_str(), "an act on many sites broke off");
                break;
            }
        }
    }
    let rest = seen.0.iter().skip(became.len()).map(|(id, _)| (*id, None));
    let rest: Vec<_> = rest.collect();
    became.extend(rest);
    became
}

fn done(id: SiteId, site: Option<&Site>, became: Option<&Became>) -> Done {
    let (badge, words) = match became {
        Some(Became::Done) => (Badge::new("ok", "Done"), String::new()),
        Some(Became::Refused(why)) => (Badge::new("warn", "Not done"), why.clone()),
        Some(Became::Changed) => {
            (Badge::new("warn", "Not done"), "It has changed since you looked at it. Look at it again, then repeat.".to_owned())
        }
        Some(Became::Gone) => (Badge::new("warn", "Not done"), "It is not there any more.".to_owned()),
        None => (Badge::new("bad", "Not done"), "The database was busy, so nothing was done to it. Try it again.".to_owned()),
    };
    let (name, url) = site.map_or(("–".to_owned(), String::new()), |site| (site.name.clone(), site.url.clone()));
    Done { id: id.to_string(), name, url, badge, words }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_seen_is_read_back(seen in prop::collection::vec((any::<[u8; 16]>(), any::<i64>()), 0..20)) {
            let seen: Vec<_> = seen.into_iter().map(|(id, revision)| (SiteId::from_bytes(id), revision)).collect();
            let back = Seen::parse(&Seen(seen.clone()).written()).map(|seen| seen.0);
            prop_assert_eq!(back, Some(seen));
        }

        #[test]
        fn junk_is_nothing_that_was_seen(text in "\\PC{1,60}") {
            let _ = Seen::parse(&text);
        }
    }

    #[test]
    fn no_more_are_taken_than_may_be() {
        let many = Seen(vec![(SiteId::from_bytes([1; 16]), 1); MOST + 1]);
        assert!(Seen::parse(&many.written()).is_none());
    }
}
