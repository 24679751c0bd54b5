use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::sites::Answer;
use crate::abuse::{self, Case, CaseFilter, CaseState, Counts, Outcome, Report, SIGNALS, Signal};
use crate::accounts::{self, Role};
use crate::audit::Reason;
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, ReportId};
use crate::my::views;
use crate::settings;
use crate::sites::{self, Site, SiteUrl};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Field, Fields, Opt, Page, Redirect, When, filters, options};

/// How many cases, and how many reports, a page lists.
const PAGE: usize = 50;
/// How many users a site has for which the thresholds are shown.
const SHOWN_FOR: u64 = 0;

/// The query of the list.
#[derive(Default, Deserialize)]
pub struct Search {
    #[serde(default)]
    tab: String,
    #[serde(default)]
    signal: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    reports_after: String,
}

/// A list of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Open,
    Waiting,
    Mine,
    Closed,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Open, Self::Waiting, Self::Mine, Self::Closed];

    fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|tab| tab.as_str() == text).unwrap_or(Self::Open)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Mine => "mine",
            Self::Closed => "closed",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Waiting => "Waiting for an answer",
            Self::Mine => "Mine",
            Self::Closed => "Closed",
        }
    }

    /// How many there are, where that is known without counting for long.
    fn count(self, counts: &Counts) -> Option<i64> {
        match self {
            Self::Open => Some(counts.open),
            Self::Waiting => Some(counts.appeals),
            Self::Mine | Self::Closed => None,
        }
    }

    fn filter(self, me: AccountId) -> CaseFilter {
        match self {
            Self::Open => CaseFilter { state: Some(CaseState::Open), ..CaseFilter::default() },
            Self::Waiting => CaseFilter { appealed: true, ..CaseFilter::default() },
            Self::Mine => CaseFilter { state: Some(CaseState::Open), assigned_to: Some(me), ..CaseFilter::default() },
            Self::Closed => CaseFilter { state: Some(CaseState::Closed), ..CaseFilter::default() },
        }
    }

    /// What an empty list says: what it is, and what would come there.
    fn nothing(self) -> (&'static str, &'static str) {
        match self {
            Self::Open => (
                "No open case",
                "When a site does something far out of the ordinary, or somebody reports one, a case opens here by itself.",
            ),
            Self::Waiting => {
                ("Nobody waits for an answer", "When a site's contact answers what the team has decided, the case is listed here.")
            }
            Self::Mine => ("None is yours", "Open a case and take it: then the others see that you look after it."),
            Self::Closed => ("None is closed yet", "Cases that are settled, or were a false alarm, are kept here."),
        }
    }
}

struct TabView {
    href: String,
    label: &'static str,
    count: Option<i64>,
    current: bool,
}

/// A case on a list.
struct CaseRow {
    id: String,
    number: i64,
    marks: Vec<Badge>,
    site_id: String,
    site_name: String,
    site_url: String,
    site_state: Badge,
    signals: Vec<Badge>,
    opened: When,
    latest: When,
    assigned: String,
}

/// A case with what its row shows of others.
struct Listed {
    case: Case,
    site: Site,
    signals: Vec<Signal>,
    assigned: String,
}

impl CaseRow {
    fn new(listed: &Listed) -> Self {
        let Listed { case, site, signals, assigned } = listed;
        Self {
            id: case.id.to_string(),
            number: case.number,
            marks: marks(case),
            site_id: site.id.to_string(),
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            site_state: views::state_badge(site),
            signals: signals.iter().map(|signal| Badge::new("warn", abuse::row(*signal).title)).collect(),
            opened: case.opened_at.into(),
            latest: case.changed_at.into(),
            assigned: assigned.clone(),
        }
    }
}

/// What stands out about a case: it is new, somebody waits, how it ended.
pub(super) fn marks(case: &Case) -> Vec<Badge> {
    let mut marks = Vec::new();
    match (case.state, case.outcome) {
        (CaseState::Closed, Some(Outcome::FalseAlarm)) => marks.push(Badge::new("idle", "Closed: false alarm")),
        (CaseState::Closed, _) => marks.push(Badge::new("idle", "Closed: settled")),
        (CaseState::Open, _) if case.seen_at.is_none() => marks.push(Badge::new("bad", "New")),
        (CaseState::Open, _) if case.seen_at < case.signal_at => marks.push(Badge::new("warn", "Goes on")),
        (CaseState::Open, _) => marks.push(Badge::new("idle", "Open, seen")),
    }
    if case.waits_for_answer() {
        marks.push(Badge::new("warn", "Waits for an answer"));
    }
    marks
}

/// A report on a list.
pub(super) struct ReportRow {
    pub id: String,
    pub at: When,
    pub about: String,
    pub words: String,
    pub email: Option<String>,
    pub network: String,
}

impl ReportRow {
    pub(super) fn new(report: Report) -> Self {
        Self {
            id: report.id.to_string(),
            at: report.at.into(),
            about: report.about,
            words: report.words,
            email: report.reporter_email,
            network: report.network,
        }
    }
}

/// A report on no case, with the fields of what is to become of it.
struct LooseReport {
    row: ReportRow,
    reason: Field,
    site: Field,
}

impl LooseReport {
    fn new(report: Report, typed: &Typed<'_>) -> Self {
        let of_this = typed.report == Some(report.id);
        let field = |name: &str| if of_this { typed.fields.field(name, typed.errors) } else { Field::default() };
        Self { reason: field("reason"), site: field("site"), row: ReportRow::new(report) }
    }
}

impl Typed<'_> {
    fn anchored(&self) -> Vec<(String, String)> {
        let Some(report) = self.report else { return Vec::new() };
        self.errors.0.iter().map(|e| (format!("{}-{report}", e.field), e.words.clone())).collect()
    }
}

/// A signal, explained.
struct Meaning {
    title: &'static str,
    meaning: &'static str,
    ordinary: &'static str,
    threshold: String,
    limits: &'static str,
}

impl Meaning {
    fn new(row: &abuse::Row, set: &settings::Abuse) -> Self {
        let threshold = match row.threshold(&set.thresholds, SHOWN_FOR) {
            None if row.setting.is_empty() => "none".to_owned(),
            None => format!("switched off ({} = 0)", row.setting),
            Some(least) => {
                let n = filters::with_commas(&least.to_string());
                let more = match row.per_hundred_users {
                    0 => String::new(),
                    each => format!(", or {each} for each hundred of the site's users if that is more"),
                };
                format!("{n} {}{more} ({})", row.unit, row.setting)
            }
        };
        let limits = match row.signal {
            Signal::Staff => "no: by hand",
            signal if set.auto_limit.contains(&signal) => "yes",
            _ => "no",
        };
        Self { title: row.title, meaning: row.meaning, ordinary: row.ordinary, threshold, limits }
    }
}

/// Whether the hub slows sites down by itself, in words.
fn switch_words(set: &settings::Abuse) -> String {
    if set.auto_limit.is_empty() {
        return "The hub slows no site down by itself: abuse.auto_limit names no signal.".to_owned();
    }
    let hours = filters::with_commas(&(set.auto_limit_for.as_secs() / 3_600).to_string());
    format!(
        "For the signals that abuse.auto_limit names, the hub slows the site down by itself for {hours} hours, to {} a second and {} a day. \
         It ends by itself.",
        set.brake_per_second,
        filters::with_commas(&set.brake_per_day.to_string())
    )
}

#[derive(Template)]
#[template(path = "staff/cases.html")]
struct CasesPage {
    page: Page,
    tabs: Vec<TabView>,
    tab: &'static str,
    signals: Vec<Opt>,
    cases: Vec<CaseRow>,
    nothing: (&'static str, &'static str),
    next: Option<String>,
    reports: Vec<LooseReport>,
    errors: Vec<(String, String)>,
    more_reports: Option<String>,
    meanings: Vec<Meaning>,
    switch_words: String,
    may_act: bool,
}

/// The names of members of the team, each read once.
#[derive(Default)]
pub(super) struct Names(HashMap<AccountId, String>);

impl Names {
    pub(super) fn of(&mut self, conn: &mut Conn, id: AccountId) -> Result<String, Fault> {
        if let Some(known) = self.0.get(&id) {
            return Ok(known.clone());
        }
        let name = accounts::find(conn, id)?.map_or_else(|| "somebody who has left".to_owned(), |account| account.name);
        self.0.insert(id, name.clone());
        Ok(name)
    }
}

fn listed(conn: &mut Conn, cases: Vec<Case>) -> Result<Vec<Listed>, Fault> {
    let (mut names, mut found) = (Names::default(), Vec::new());
    for case in cases {
        // A case outlives no site: the row is there.
        let Some(site) = sites::find(conn, case.site_id)? else { continue };
        let signals = abuse::signals_of(conn, case.id)?.into_iter().map(|signal| signal.signal).collect();
        let assigned = match case.assigned_to {
            Some(id) => names.of(conn, id)?,
            None => "–".to_owned(),
        };
        found.push(Listed { case, site, signals, assigned });
    }
    Ok(found)
}

pub(super) fn may_act(staff: &Staff) -> bool {
    staff.account.role.is_some_and(|role| role.may(Role::Reviewer))
}

/// Cuts a list that was read one longer than a page, and gives the last one shown if there are more.
fn cut<T>(found: &mut Vec<T>) -> Option<&T> {
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    found.last().filter(|_| more)
}

/// What was typed about a report and could not be taken.
struct Typed<'a> {
    report: Option<ReportId>,
    fields: &'a Fields,
    errors: &'a FieldErrors,
}

/// `GET /staff/abuse`
pub async fn index(hub: Data<Hub>, staff: Staff, search: Query<Search>) -> Result<HttpResponse, Error> {
    let typed = Typed { report: None, fields: &Fields::default(), errors: &FieldErrors::default() };
    list(&hub, &staff, &search, &typed, StatusCode::OK).await
}

async fn list(hub: &Hub, staff: &Staff, search: &Search, typed: &Typed<'_>, status: StatusCode) -> Result<HttpResponse, Error> {
    let (tab, signal) = (Tab::parse(&search.tab), search.signal.parse::<Signal>().ok());
    let filter = CaseFilter { signal, after: search.after.parse().ok(), ..tab.filter(staff.account.id) };
    let reports_after: Option<ReportId> = search.reports_after.parse().ok();
    let read = hub.db.read(move |conn| {
        let found = abuse::list(conn, &filter, PAGE as i64 + 1)?;
        Ok::<_, Error>((listed(conn, found)?, abuse::counts(conn)?, abuse::loose_reports(conn, reports_after, PAGE as i64 + 1)?))
    });
    let (mut found, counts, mut reports) = read.await?;
    let signal = signal.map_or("", Signal::as_str);
    let next = cut(&mut found).map(|last| format!("/staff/abuse?tab={}&signal={signal}&after={}", tab.as_str(), last.case.id));
    let more_reports = cut(&mut reports).map(|last| format!("/staff/abuse?tab={}&reports_after={}#reports", tab.as_str(), last.id));
    let all = [("", "Any signal")].into_iter().chain(SIGNALS.iter().map(|row| (row.signal.as_str(), row.title)));
    let page = CasesPage {
        page: staff.visit.page(hub),
        tabs: tabs(tab, &counts),
        tab: tab.as_str(),
        signals: options(all, signal),
        cases: found.iter().map(CaseRow::new).collect(),
        nothing: tab.nothing(),
        next,
        reports: reports.into_iter().map(|report| LooseReport::new(report, typed)).collect(),
        more_reports,
        errors: typed.anchored(),
        meanings: SIGNALS.iter().map(|row| Meaning::new(row, &hub.abuse())).collect(),
        switch_words: switch_words(&hub.abuse()),
        may_act: may_act(staff),
    };
    web::html(status, &page)
}

fn tabs(current: Tab, counts: &Counts) -> Vec<TabView> {
    let view = |tab: Tab| TabView {
        href: format!("/staff/abuse?tab={}", tab.as_str()),
        label: tab.label(),
        count: tab.count(counts),
        current: tab == current,
    };
    Tab::ALL.map(view).into()
}

/// `POST /staff/abuse/reports/{report}/done`: somebody has read it; with the address of a site, it goes on that site's case.
pub async fn done(hub: Data<Hub>, staff: Staff, report: Path<ReportId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (report.into_inner(), hub.clock.now(), staff.actor());
    let mut errors = FieldErrors::default();
    let reason = fields.read("reason", &mut errors, Reason::parse);
    let url = match fields.text("site").trim() {
        "" => Some(None),
        _ => fields.read("site", &mut errors, SiteUrl::parse).map(Some),
    };
    let (Some(reason), Some(url)) = (reason, url) else { return refused(&hub, &staff, id, &fields, &errors).await };
    let Some(url) = url else {
        if !hub.db.write(move |tx| abuse::settle_report(tx, now, by, id, &reason)).await? {
            return Err(Error::NotFound);
        }
        return Ok(Either::Right(Redirect::to("/staff/abuse#reports").flash("ok", "The report is off the list.")));
    };
    let hub_again = hub.clone();
    let placed = hub.db.write(move |tx| {
        let known = sites::at_address(tx.conn(), &url)?.into_iter().find(|site| site.held_since.is_none());
        let Some(site) = known else { return Err(Error::field("site", "No site with this address is registered here.")) };
        Ok(abuse::place_report(tx, &hub_again.clerk(), now, by, id, site.id, &reason)?.case())
    });
    match placed.await {
        Ok(Some(case)) => Ok(Either::Right(Redirect::to(format!("/staff/abuse/{case}")).flash("ok", "The report is on the site's case."))),
        Ok(None) => Ok(Either::Right(Redirect::to("/staff/abuse#reports").flash("ok", "The report is kept with the site."))),
        Err(Error::Invalid(errors)) => refused(&hub, &staff, id, &fields, &errors).await,
        Err(other) => Err(other),
    }
}

async fn refused(hub: &Hub, staff: &Staff, id: ReportId, fields: &Fields, errors: &FieldErrors) -> Result<Answer, Error> {
    let typed = Typed { report: Some(id), fields, errors };
    list(hub, staff, &Search::default(), &typed, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left)
}
