//! What a site's page shows of its past: figures over two years, outcomes, devices, cases, the audit log.

use super::audit::from_where;
use crate::accounts::{self, Role};
use crate::audit;
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::devices::{self, DeviceState, Filter};
use crate::ids::SiteId;
use crate::push::{self, REFUSALS};
use crate::registrations::{self, FIELDS, HistoryRow};
use crate::web::{Badge, Chart, When, filters};

/// The figures that are drawn.
const DRAWN: [&str; 6] = ["users", "activeusers", "courses", "enrolments", "posts", "registereduserdevices"];
/// Two years of reports, if one comes every day.
const REPORTS: i64 = 740;
const WEEK: i64 = 7 * 86_400;

/// What its Moodle has told of a site over two years, by week.
pub struct History {
    pub charts: Vec<Chart>,
    pub columns: Vec<&'static str>,
    pub rows: Vec<(String, Vec<String>)>,
}

fn label_of(name: &str) -> &'static str {
    FIELDS.iter().find(|field| field.name == name).map_or("", |field| field.label)
}

/// The last report of each week, the oldest first.
fn weekly(mut rows: Vec<HistoryRow>) -> Vec<HistoryRow> {
    rows.dedup_by_key(|row| row.at.seconds().div_euclid(WEEK));
    rows.reverse();
    rows
}

fn figure(row: &HistoryRow, name: &str) -> Option<u64> {
    let figures: serde_json::Value = serde_json::from_str(&row.figures).unwrap_or_default();
    figures[name].as_u64()
}

impl History {
    pub fn read(conn: &mut Conn, site: SiteId) -> Result<Self, Fault> {
        Ok(Self::of(&weekly(registrations::history(conn, site, REPORTS)?)))
    }

    fn of(rows: &[HistoryRow]) -> Self {
        let day = |row: &HistoryRow| row.at.rfc3339().chars().take(10).collect::<String>();
        let told: Vec<&str> = DRAWN.into_iter().filter(|name| rows.iter().any(|row| figure(row, name).is_some())).collect();
        let chart = |name: &&str| {
            let bars = rows.iter().filter_map(|row| Some((day(row), figure(row, name)?, 0)));
            Chart::stacked(label_of(name), bars)
        };
        let number = |value: Option<u64>| value.map_or("–".to_owned(), |number| filters::with_commas(&number.to_string()));
        let line = |row: &HistoryRow| (day(row), told.iter().map(|name| number(figure(row, name))).collect());
        Self {
            charts: if rows.len() > 1 { told.iter().map(chart).filter(|chart| !chart.empty).collect() } else { Vec::new() },
            columns: told.iter().map(|name| label_of(name)).collect(),
            rows: rows.iter().rev().map(line).collect(),
        }
    }
}

/// How often pushes had an outcome.
pub struct Outcome {
    pub code: String,
    pub badge: Badge,
    pub day: u64,
    pub month: u64,
    pub meaning: &'static str,
}

impl Outcome {
    pub fn read(conn: &mut Conn, site: SiteId, now: Timestamp) -> Result<Vec<Self>, Fault> {
        let ago = |hours: u64| (now - std::time::Duration::from_secs(hours * 3_600)).hour();
        let found = push::by_code(conn, site, ago(30 * 24 - 1), ago(23))?.into_iter().map(|(code, month, day)| {
            let refusal = REFUSALS.iter().find(|row| row.code == code);
            Self {
                badge: if code == "delivered" { Badge::new("ok", "Delivered") } else { Badge::new("bad", "Refused") },
                meaning: refusal.map_or("The gateway has it.", |row| row.meaning),
                code,
                day,
                month,
            }
        });
        Ok(found.collect())
    }
}

/// How many devices a site has, by state.
pub struct DeviceCounts {
    pub enrolled: i64,
    pub unconfirmed: i64,
    pub unregistered: i64,
}

impl DeviceCounts {
    pub fn read(conn: &mut Conn, site: SiteId) -> Result<Self, Fault> {
        let mut count = |state| devices::count_listed(conn, site, &Filter { state: Some(state), ..Filter::default() });
        Ok(Self {
            enrolled: count(DeviceState::Enrolled)?,
            unconfirmed: count(DeviceState::Unconfirmed)?,
            unregistered: count(DeviceState::Unregistered)?,
        })
    }

    pub fn all(&self) -> i64 {
        self.enrolled + self.unconfirmed + self.unregistered
    }
}

/// An entry of the audit log about the site.
pub struct AuditRow {
    pub at: When,
    pub actor: String,
    pub address: String,
    pub event: String,
    pub reason: String,
    pub before: String,
    pub after: String,
}

impl AuditRow {
    /// The latest, as somebody of this role sees them.
    pub fn read(conn: &mut Conn, site: SiteId, role: Role) -> Result<Vec<Self>, Fault> {
        let entries = audit::about_site(conn, site, 100)?;
        let mut ids: Vec<_> = entries.iter().filter_map(|entry| entry.actor_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let people = accounts::find_all(conn, &ids)?;
        let row = |entry: audit::Entry| {
            let person = people.iter().find(|account| Some(account.id) == entry.actor_id);
            Self {
                at: entry.at.into(),
                actor: person.map_or_else(|| entry.actor_kind.to_string(), |account| account.name.clone()),
                address: entry.address.map(|address| from_where(&address, role)).unwrap_or_default(),
                event: entry.event.as_str().replace('_', " "),
                reason: entry.reason.unwrap_or_default(),
                before: entry.before.unwrap_or_default(),
                after: entry.after.unwrap_or_default(),
            }
        };
        Ok(entries.into_iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: i64, figures: &str) -> HistoryRow {
        let at = Timestamp::from_micros(day * 86_400_000_000);
        HistoryRow { at, signed: true, figures: figures.to_owned(), unknown: String::new() }
    }

    #[test]
    fn each_week_has_one_bar_and_what_was_never_told_has_none() {
        // Day 20,006 begins a week that is counted from 1970.
        let rows = vec![row(20_014, r#"{"users":30}"#), row(20_008, r#"{"users":21}"#), row(20_007, r#"{"users":20}"#), row(20_001, "{}")];
        let history = History::of(&weekly(rows));
        assert_eq!(history.columns, ["Registered users"]);
        let bars: Vec<u64> = history.charts[0].bars.iter().map(|bar| bar.delivered).collect();
        assert_eq!(bars, [21, 30]);
        let numbers: Vec<&str> = history.rows.iter().map(|(_, cells)| cells[0].as_str()).collect();
        assert_eq!(numbers, ["30", "21", "–"]);
    }

    #[test]
    fn one_report_is_a_table_without_a_chart() {
        let history = History::of(&weekly(vec![row(20_006, r#"{"users":5,"courses":2}"#)]));
        assert!(history.charts.is_empty() && history.rows.len() == 1 && history.columns.len() == 2);
    }
}
