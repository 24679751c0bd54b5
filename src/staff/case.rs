use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::abuse::{Names, ReportRow, marks, may_act};
use super::case_acts;
use super::site_cases::SiteCase;
use crate::abuse::{self, Case, CaseEntry, CaseSignal, EntryKind, Outcome, Report};
use crate::accounts::{self, Account};
use crate::audit::ActorKind;
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, CaseId};
use crate::mail::{self, EmailAddress};
use crate::my::views::SiteHead;
use crate::sites::{self, Brake, Site, SiteState};
use crate::visit::Staff;
use crate::web::{self, Badge, Field, Fields, Measured, Opt, Page, When, filters, options};

/// How many members of the team a case can be given to.
const TEAM: i64 = 200;
/// How many entries, and how many reports, a page shows.
const ENTRIES: i64 = 300;
const REPORTS: i64 = 50;

struct Head {
    id: String,
    number: i64,
    marks: Vec<Badge>,
    waits: bool,
    opened: When,
    opened_by: String,
    latest: When,
    closed: Option<When>,
    outcome: &'static str,
    assigned: String,
    contact: String,
    /// That its mailbox refuses mail, or that there is none.
    mailbox: Option<String>,
    facts: Vec<(&'static str, String)>,
}

/// A signal of the case, with what was counted.
struct SignalView {
    title: &'static str,
    meaning: &'static str,
    ordinary: String,
    measured: String,
    times: String,
    first: When,
    last: When,
    share: Option<String>,
    chart: Option<Measured>,
    samples: Vec<String>,
}

impl SignalView {
    fn new(signal: CaseSignal) -> Self {
        let (row, n) = (abuse::row(signal.signal), |number: i64| filters::with_commas(&number.to_string()));
        let against = match signal.threshold {
            0 => String::new(),
            threshold => format!(" against a threshold of {}", n(threshold)),
        };
        let peak = if signal.peak > signal.amount { format!(", at most {}", n(signal.peak)) } else { String::new() };
        let evidence = signal.evidence;
        let share = evidence.total.map(|total| {
            let percent = evidence.share_percent.map(|percent| format!(", {percent} in a hundred")).unwrap_or_default();
            format!("Of {} in all{percent}.", n(total))
        });
        let series: Vec<_> =
            evidence.series.iter().map(|point| (point.at().readable(), u64::try_from(point.amount).unwrap_or(0))).collect();
        let chart = (!series.is_empty()).then(|| Measured::new(format!("{}, lately", row.title), "How many", None, series));
        Self {
            title: row.title,
            meaning: row.meaning,
            ordinary: if row.ordinary.is_empty() { String::new() } else { format!("An ordinary site: {}", row.ordinary) },
            measured: format!("{} {}{against}{peak}.", n(signal.amount), row.unit),
            times: match signal.times {
                1 => "Seen once".to_owned(),
                times => format!("Seen {} times", n(times)),
            },
            first: signal.first_at.into(),
            last: signal.last_at.into(),
            share,
            chart,
            samples: evidence.samples,
        }
    }
}

/// What somebody has written: the contact or the team.
struct Said {
    theirs: bool,
    who: String,
    at: When,
    words: String,
}

struct EntryView {
    at: When,
    who: String,
    what: &'static str,
    words: String,
    letter: Option<String>,
}

/// What an entry of a case tells of.
fn entry_words(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Opened => "Case opened",
        EntryKind::Signal => "Signal",
        EntryKind::Report => "Reported by the public",
        EntryKind::Note => "Note",
        EntryKind::Assigned => "Assigned",
        EntryKind::Warned => "Warned",
        EntryKind::Limited => "Slowed down",
        EntryKind::LimitEnded => "No longer slowed down",
        EntryKind::PushOff => "Push switched off",
        EntryKind::PushOn => "Push switched on again",
        EntryKind::Suspended => "Suspended",
        EntryKind::Lifted => "Lifted",
        EntryKind::Appeal => "The contact writes",
        EntryKind::Answer => "The team answers",
        EntryKind::Closed => "Case closed",
    }
}

/// A step that may be taken now, with its own fields.
struct Act {
    act: &'static str,
    /// Of its field for the reason.
    id: String,
    title: &'static str,
    label: &'static str,
    hint: &'static str,
    button: &'static str,
    danger: bool,
    /// Whether a letter goes out, which can be looked at first.
    mails: bool,
    reason: Field,
    numbers: Vec<Number>,
    outcomes: Vec<Opt>,
}

/// A number that an act takes.
struct Number {
    name: &'static str,
    label: &'static str,
    field: Field,
}

/// An act that was sent and not done: what was typed, and what is wrong with it.
#[derive(Default)]
pub(super) struct Refused<'a> {
    pub act: &'a str,
    pub fields: Fields,
    pub errors: FieldErrors,
    /// Why it can't be done at all.
    pub words: Option<String>,
}

impl Refused<'_> {
    fn field(&self, act: &str, name: &str) -> Field {
        if self.act == act { self.fields.field(name, &self.errors) } else { Field::default() }
    }

    /// What was typed into a field, or else what is usual.
    fn field_or(&self, act: &str, name: &str, usual: &str) -> Field {
        if self.act == act { self.field(act, name) } else { Field { value: usual.to_owned(), error: None } }
    }

    /// What is wrong, by the id of its field on the page.
    fn anchored(&self) -> Vec<(String, String)> {
        let anchor = |field: &str| if field == "reason" { format!("reason-{}", self.act) } else { field.to_owned() };
        self.errors.0.iter().map(|e| (anchor(e.field), e.words.clone())).collect()
    }
}

/// What stands against an act in the present state of things. `None`: it may be done.
pub(super) fn why_not(act: &str, case: &Case, site: &Site, brake: Option<&Brake>, now: Timestamp) -> Option<&'static str> {
    let live = matches!(site.state, SiteState::Active | SiteState::Claimed);
    let is_slow = brake.is_some_and(|brake| brake.holds(now));
    match act {
        _ if !case.is_open() => Some("This case is closed. Look at the site: it may have another one."),
        "warn" | "limit" | "push-off" | "suspend" if site.state == SiteState::Suspended => {
            Some("The site is suspended: nothing of it gets through. Lift that first.")
        }
        "warn" | "limit" | "push-off" | "suspend" if site.state == SiteState::Unregistered => Some("The site has left the hub."),
        "limit" | "push-off" if !live => Some("The site may not push yet: there is nothing to slow down or to switch off."),
        "push-off" if site.push_stopped => Some("Its push is switched off already."),
        "lift" if site.state != SiteState::Suspended && !site.push_stopped && !is_slow => {
            Some("Nothing holds this site: it is neither suspended, nor slowed down, nor is its push switched off.")
        }
        _ => None,
    }
}

impl Act {
    fn all(hub: &Hub, shown: &Read, refused: &Refused<'_>) -> Vec<Self> {
        let told = "The site's contact reads this.";
        let rows = [
            ("warn", "Warn", "Warn the site's contact: why?", told, "Send the warning"),
            (
                "limit",
                "Slow down",
                "Slow the site down for a while: why?",
                "The site's contact reads this. It ends by itself.",
                "Slow it down",
            ),
            ("push-off", "Switch push off", "Switch push off: why?", told, "Switch push off"),
            ("suspend", "Suspend", "Suspend the site: why?", told, "Suspend the site"),
            ("lift", "Lift", "Lift what holds the site: why?", told, "Lift it"),
            (
                "close",
                "Close",
                "Close the case: why?",
                "It is kept with the case. A contact who was told of the case is mailed when it was a false alarm; when it is settled, only if you send the mail yourself.",
                "Close the case",
            ),
        ];
        let may =
            |act: &str| why_not(act, &shown.case, &shown.site, shown.brake.as_ref(), shown.now).is_none() && !shown.done.contains(&act);
        rows.into_iter()
            .filter(|(act, ..)| may(act))
            .map(|(act, title, label, hint, button)| Self {
                act,
                id: format!("reason-{act}"),
                title,
                label,
                hint,
                button,
                danger: matches!(act, "suspend" | "push-off"),
                mails: act != "close" || shown.told,
                reason: refused.field(act, "reason"),
                numbers: if act == "limit" { numbers(hub, refused) } else { Vec::new() },
                outcomes: if act == "close" { outcomes(refused) } else { Vec::new() },
            })
            .collect()
    }
}

fn numbers(hub: &Hub, refused: &Refused<'_>) -> Vec<Number> {
    let set = hub.abuse();
    let number = |name, label, usual: u64| Number { name, label, field: refused.field_or("limit", name, &usual.to_string()) };
    vec![
        number("push_per_second", "Pushes a second", set.brake_per_second.get().into()),
        number("push_per_day", "Pushes a day", set.brake_per_day),
        number("hours", "For how many hours", case_acts::usual_hours(&set)),
    ]
}

fn outcomes(refused: &Refused<'_>) -> Vec<Opt> {
    let all = [("settled", "Settled"), ("false_alarm", "It was a false alarm: the same signals stay quiet for a while")];
    options(all, &refused.field("close", "outcome").value)
}

#[derive(Template)]
#[template(path = "staff/case.html")]
struct CasePage {
    page: Page,
    head: Head,
    site: SiteHead,
    others: Vec<SiteCase>,
    signals: Vec<SignalView>,
    reports: Vec<ReportRow>,
    thread: Vec<Said>,
    may_act: bool,
    may_answer: bool,
    answer: Field,
    acts: Vec<Act>,
    team: Vec<Opt>,
    assign_error: Option<String>,
    note: Field,
    entries: Vec<EntryView>,
    errors: Vec<(String, String)>,
    refused: Option<String>,
}

/// What is read for the page of a case.
struct Read {
    now: Timestamp,
    case: Case,
    site: Site,
    owner: Option<Account>,
    brake: Option<Brake>,
    assigned: Option<String>,
    /// Whether the site's contact knows of the case.
    told: bool,
    /// The acts that were told in this round already.
    done: Vec<&'static str>,
    signals: Vec<CaseSignal>,
    /// Each with who it was.
    entries: Vec<(CaseEntry, String)>,
    reports: Vec<Report>,
    others: Vec<Case>,
    team: Vec<Account>,
    mailbox: Option<String>,
}

impl Read {
    fn of(conn: &mut Conn, id: CaseId, now: Timestamp) -> Result<Self, Error> {
        let case = abuse::find(conn, id)?.ok_or(Error::NotFound)?;
        let site = sites::find(conn, case.site_id)?.ok_or(Error::NotFound)?;
        let owner = site.account_id.map(|account| accounts::find(conn, account)).transpose()?.flatten();
        let mut names = Names::default();
        let assigned = case.assigned_to.map(|account| names.of(conn, account)).transpose()?;
        let mut entries = Vec::new();
        for entry in abuse::entries_of(conn, id, ENTRIES)? {
            let who = who(conn, &mut names, &entry)?;
            entries.push((entry, who));
        }
        let others = abuse::of_site(conn, site.id, 20)?.into_iter().filter(|other| other.id != id).collect();
        let brake = sites::brake_of(conn, site.id)?;
        let mut done = Vec::new();
        for act in case_acts::Act::ALL {
            if case_acts::taken_at(conn, act, &case, brake.as_ref(), now)?.is_some() {
                done.push(act.path());
            }
        }
        Ok(Self {
            now,
            told: abuse::is_told(conn, id)?,
            brake,
            assigned,
            done,
            signals: abuse::signals_of(conn, id)?,
            entries,
            reports: abuse::reports_of_case(conn, id, REPORTS)?,
            others,
            team: accounts::acting_team(conn, TEAM)?,
            mailbox: mailbox(conn, &site, owner.as_ref())?,
            case,
            site,
            owner,
        })
    }
}

fn who(conn: &mut Conn, names: &mut Names, entry: &CaseEntry) -> Result<String, Fault> {
    Ok(match (entry.actor_kind, entry.actor_id) {
        (ActorKind::Account, Some(id)) => names.of(conn, id)?,
        (ActorKind::Account, None) => "somebody".to_owned(),
        (ActorKind::Operator, _) => "an operator".to_owned(),
        (ActorKind::Hub, _) => "the hub".to_owned(),
    })
}

/// What stands in the way of telling the site's contact anything.
pub(super) fn mailbox(conn: &mut Conn, site: &Site, owner: Option<&Account>) -> Result<Option<String>, Fault> {
    let address = owner.map(|account| account.email.as_str()).or(site.contact_email.as_deref());
    let Some(address) = address.and_then(|address| EmailAddress::parse(address).ok()) else {
        return Ok(Some("No mail address of this site is known: nobody can be told.".to_owned()));
    };
    let refusing = mail::is_refusing(conn, &address.key())?;
    Ok(refusing.map(|refusing| {
        format!(
            "The contact's mailbox refuses mail since {}: {}. Look for another way to reach them.",
            refusing.at.readable(),
            refusing.why
        )
    }))
}

/// Whom letters about a site go to.
pub(super) fn contact(site: &Site, owner: Option<&Account>) -> String {
    match (owner, &site.contact_email) {
        (Some(account), _) => format!("{} <{}>", account.name, account.email),
        (None, Some(email)) => email.clone(),
        (None, None) => "–".to_owned(),
    }
}

fn head(read: &Read) -> Head {
    let case = &read.case;
    let mut facts = Vec::new();
    if let Some(brake) = read.brake.as_ref().filter(|brake| brake.holds(read.now)) {
        let n = |number: u64| filters::with_commas(&number.to_string());
        let by = if brake.automatic { ", by the hub itself" } else { "" };
        let (second, day) = (n(brake.push_per_second.into()), n(brake.push_per_day));
        facts.push(("Slowed down", format!("to {second} a second and {day} a day, until {}{by}", brake.until.readable())));
    }
    if let Some(reason) = &read.site.state_reason {
        facts.push(("Reason of its state", reason.clone()));
    }
    facts.push(("Users", filters::with_commas(&read.site.users().to_string())));
    Head {
        id: case.id.to_string(),
        number: case.number,
        marks: marks(case),
        waits: case.waits_for_answer(),
        opened: case.opened_at.into(),
        opened_by: abuse::row(case.opened_by).title.to_lowercase(),
        latest: case.changed_at.into(),
        closed: case.closed_at.map(When::from),
        outcome: match case.outcome {
            Some(Outcome::FalseAlarm) => "as a false alarm",
            _ => "as settled",
        },
        assigned: read.assigned.clone().unwrap_or_else(|| "nobody".to_owned()),
        contact: contact(&read.site, read.owner.as_ref()),
        mailbox: read.mailbox.clone(),
        facts,
    }
}

fn said(entry: &CaseEntry, who: &str) -> Option<Said> {
    let (theirs, who) = match entry.kind {
        EntryKind::Appeal => (true, format!("The site's contact, {who}")),
        EntryKind::Answer => (false, format!("The team, {who}")),
        _ => return None,
    };
    Some(Said { theirs, who, at: entry.at.into(), words: entry.words.clone() })
}

fn team(read: &Read, me: AccountId) -> Vec<Opt> {
    let label = |account: &Account| if account.id == me { format!("{} (me)", account.name) } else { account.name.clone() };
    let people: Vec<(String, String)> = read.team.iter().map(|account| (account.id.to_string(), label(account))).collect();
    let all = [("", "Nobody")].into_iter().chain(people.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    options(all, &read.case.assigned_to.map(|id| id.to_string()).unwrap_or_default())
}

/// The page of a case.
pub(super) async fn page(hub: &Hub, staff: &Staff, id: CaseId, refused: Refused<'_>, status: StatusCode) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    let read = hub.db.read(move |conn| Read::of(conn, id, now)).await?;
    let acts = if may_act(staff) { Act::all(hub, &read, &refused) } else { Vec::new() };
    let page = CasePage {
        page: staff.visit.page(hub),
        head: head(&read),
        site: SiteHead::new(&read.site, hub.max_users(read.site.id)),
        others: read.others.iter().map(SiteCase::new).collect(),
        thread: read.entries.iter().filter_map(|(entry, who)| said(entry, who)).collect(),
        may_act: may_act(staff),
        may_answer: read.case.is_open() && read.case.appealed_at.is_some(),
        answer: refused.field("answer", "message"),
        acts,
        team: team(&read, staff.account.id),
        assign_error: refused.field("assign", "to").error,
        note: refused.field("note", "note"),
        errors: refused.anchored(),
        refused: refused.words,
        signals: read.signals.into_iter().map(SignalView::new).collect(),
        reports: read.reports.into_iter().map(ReportRow::new).collect(),
        entries: read
            .entries
            .into_iter()
            .map(|(entry, who)| EntryView {
                at: entry.at.into(),
                who,
                what: entry_words(entry.kind),
                words: entry.words,
                letter: entry.letter_id.map(|id| id.to_string()),
            })
            .collect(),
    };
    web::html(status, &page)
}

/// `GET /staff/abuse/{case}`. Who may act on it has seen it with that.
pub async fn show(hub: Data<Hub>, staff: Staff, case: Path<CaseId>) -> Result<HttpResponse, Error> {
    let (id, now) = (case.into_inner(), hub.clock.now());
    let response = page(&hub, &staff, id, Refused::default(), StatusCode::OK).await?;
    let is_unseen = |case: Case| case.seen_at.is_none();
    if may_act(&staff) && hub.db.read(move |conn| abuse::find(conn, id)).await?.is_some_and(is_unseen) {
        hub.db.write(move |tx| abuse::see(tx, now, id)).await.map_err(Error::from)?;
    }
    Ok(response)
}
