//! The audit log as a file: to read in a spreadsheet, or whole and with all hashes, to check it elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Query};
use anyhow::Context;
use futures_util::stream;
use serde_json::json;

use super::audit::Asked;
use crate::audit::{self, Change, Entry, Event, Filter};
use crate::clock::Timestamp;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::visit::Staff;
use crate::web::sheet::{self, cell};

/// How many entries of a file are in memory at once.
const AT_ONCE: i64 = 2_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Jsonl,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl; charset=utf-8",
        }
    }
}

/// A file on its way, oldest entry first.
struct Export {
    hub: Data<Hub>,
    form: Form,
    filter: Filter,
    after: i64,
    upto: i64,
    begun: bool,
}

impl Export {
    /// The next part; none after the last. An error cuts the connection: no reader takes half a file for a whole one.
    async fn part(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        let (filter, stretch) = (self.filter.clone(), (self.after, self.upto));
        let read = self.hub.db.read(move |conn| audit::list_upwards(conn, &filter, stretch, AT_ONCE));
        let found = read.await.context("a file of the audit log broke off")?;
        let is_first = !std::mem::replace(&mut self.begun, true);
        match found.last() {
            Some(last) => self.after = last.seq,
            // A file without entries has its line of columns all the same.
            None if is_first => self.after = self.upto,
            None => return Ok(None),
        }
        let lines = match self.form {
            Form::Csv => csv_lines(&found, is_first)?,
            Form::Jsonl => json_lines(&found),
        };
        Ok(Some((lines, self)))
    }
}

/// The first line of a table.
const COLUMNS: [&str; 15] = [
    "number",
    "at",
    "actor_kind",
    "actor",
    "address",
    "event",
    "words",
    "site",
    "account",
    "reason",
    "before",
    "after",
    "erased_at",
    "version",
    "hash",
];

fn csv_lines(found: &[Entry], with_columns: bool) -> anyhow::Result<Bytes> {
    let rows = found.iter().map(|entry| {
        let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        let id = |id: Option<String>| id.unwrap_or_default();
        let seal = entry.seal();
        [
            entry.seq.to_string(),
            entry.at.sortable(),
            entry.actor_kind.as_str().to_owned(),
            id(entry.actor_id.map(|id| id.to_string())),
            text(&entry.address),
            entry.event.as_str().to_owned(),
            entry.event.words().to_owned(),
            id(entry.site_id.map(|id| id.to_string())),
            id(entry.account_id.map(|id| id.to_string())),
            text(&entry.reason),
            text(&entry.before),
            text(&entry.after),
            entry.erased_at.map(Timestamp::sortable).unwrap_or_default(),
            seal.version.to_string(),
            seal.hash,
        ]
    });
    sheet::rows(with_columns.then_some(COLUMNS), rows)
}

fn json_lines(found: &[Entry]) -> Bytes {
    let line = |entry: &Entry| {
        let seal = entry.seal();
        let whole = json!({
            "number": entry.seq,
            "id": entry.id,
            "at": entry.at.sortable(),
            "actor_kind": entry.actor_kind.as_str(),
            "actor_id": entry.actor_id,
            "event": entry.event.as_str(),
            "site_id": entry.site_id,
            "account_id": entry.account_id,
            "reason": entry.reason,
            "address": entry.address,
            "before": entry.before,
            "after": entry.after,
            "erased_at": entry.erased_at.map(Timestamp::sortable),
            "version": seal.version,
            "salt": seal.salt,
            "content_hash": seal.content_hash,
            "hash": seal.hash,
        });
        format!("{whole}\n")
    };
    found.iter().map(line).collect::<String>().into()
}

async fn download(hub: Data<Hub>, staff: Staff, asked: Asked, form: Form) -> Result<HttpResponse, Error> {
    let (now, by) = (hub.clock.now(), staff.actor());
    let read = hub.db.read(move |conn| {
        let mut errors = FieldErrors::default();
        let filter = asked.filter(conn, &mut errors)?;
        if errors.is_empty() { Ok(Filter { before: None, ..filter }) } else { Err(Error::Invalid(errors)) }
    });
    let filter = read.await?;
    let told = filter.clone();
    let noted = hub.db.write(move |tx| {
        let after = json!({
            "format": form.ending(),
            "event": told.event.map(Event::as_str),
            "actor": told.actor,
            "site": told.site,
            "account": told.account,
            "from": told.from.map(Timestamp::rfc3339),
            "until": told.until.map(Timestamp::rfc3339),
        });
        let after: serde_json::Map<_, _> =
            after.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
        let change = Change::between(&json!({}), &after);
        audit::note_change(tx, now, by, Event::AuditExported, audit::About::default(), None, change)?;
        // The file ends with the entry that tells of it.
        Ok::<_, Error>(audit::last_seq(tx.conn())?)
    });
    let upto = noted.await?;
    let time = now.rfc3339();
    let name = format!("audit-{}.{}", time.split('T').next().unwrap_or_default(), form.ending());
    let export = Export { hub, form, filter, after: 0, upto, begun: false };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, form.content_type()))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(stream::try_unfold(export, Export::part)))
}

/// `GET /staff/audit.csv`
pub async fn csv(hub: Data<Hub>, staff: Staff, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    download(hub, staff, asked.into_inner(), Form::Csv).await
}

/// `GET /staff/audit.jsonl`: with everything that is needed to check the chain elsewhere.
pub async fn jsonl(hub: Data<Hub>, staff: Staff, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    download(hub, staff, asked.into_inner(), Form::Jsonl).await
}
