//! The copy that somebody gets of what the hub knows of them: one JSON document, written piece by piece, so that a site with a
//! hundred thousand devices takes no more memory than one with none. Its schema is in `docs/privacy.md`. No secret is in it:
//! no hash, no token, no link of a letter.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::abuse::{self, Case, CaseFilter, Outcome};
use crate::accounts::{self, Account};
use crate::audit::{self, ActorKind};
use crate::broadcasts;
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::devices;
use crate::ids::{AccountId, BroadcastId, CaseId, DeviceId, KeyId, LetterId, SiteId};
use crate::keys::{self, Permissions};
use crate::mail::{self, LetterState};
use crate::push;
use crate::registrations;
use crate::settings::Binding;
use crate::sites::{self, Site, Terms};

/// The name of the format. Another one where a reader of this one would be misled.
pub const FORMAT: &str = "belfry-export/1";
/// How many rows are in memory at once.
const AT_ONCE: i64 = 1_000;
/// How many days of use are in memory at once.
const DAYS: u32 = 60;
/// How many cases are in memory at once, and how many entries of each.
const CASES_AT_ONCE: i64 = 50;
const ENTRIES: i64 = 1_000;

/// A document on its way.
pub struct Export {
    account: Account,
    now: Timestamp,
    next: VecDeque<Step>,
}

/// What comes next of it.
enum Step {
    Text(String),
    /// The next site after this one.
    Site(Option<SiteId>),
    /// More of a list.
    List(List),
}

/// The lists that may be long, with the last one that was written.
enum List {
    Letters(Option<LetterId>),
    Audit(i64),
    Keys(SiteId, Option<KeyId>),
    Devices(SiteId, Option<DeviceId>),
    Usage(SiteId, Option<Timestamp>),
    Reports(SiteId, Option<Timestamp>),
    Plugins(SiteId, Option<Timestamp>),
    Broadcasts(SiteId, Option<BroadcastId>),
    /// And whether any was written: those that their owner may not see are passed over.
    Cases(SiteId, Option<CaseId>, bool),
}

impl List {
    /// Whether nothing of it is written yet.
    fn is_begin(&self) -> bool {
        match self {
            Self::Letters(after) => after.is_none(),
            Self::Audit(after) => *after == 0,
            Self::Keys(_, after) => after.is_none(),
            Self::Devices(_, after) => after.is_none(),
            Self::Usage(_, after) | Self::Reports(_, after) | Self::Plugins(_, after) => after.is_none(),
            Self::Broadcasts(_, after) => after.is_none(),
            Self::Cases(_, _, begun) => !begun,
        }
    }
}

fn time(at: Timestamp) -> Value {
    at.rfc3339().into()
}

fn maybe(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

/// What is kept as JSON, as JSON.
fn parsed(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

/// An object without its last brace, so that more can follow.
fn open(object: &Value) -> String {
    let mut text = object.to_string();
    text.pop();
    text
}

impl Export {
    /// Of whoever has this account.
    pub fn of(account: Account, now: Timestamp) -> Self {
        Self { account, now, next: VecDeque::from([Step::Text(String::new())]) }
    }

    /// The next piece; none after the last.
    ///
    /// # Errors
    /// When the database does not answer; then the document breaks off.
    pub fn piece(&mut self, conn: &mut Conn) -> Result<Option<String>, Fault> {
        match self.next.pop_front() {
            None => Ok(None),
            // The first one.
            Some(Step::Text(text)) if text.is_empty() => self.begin(conn).map(Some),
            Some(Step::Text(text)) => Ok(Some(text)),
            Some(Step::Site(after)) => self.site(conn, after).map(Some),
            Some(Step::List(list)) => self.list(conn, list).map(Some),
        }
    }

    /// The account, and all that is never much; then the plan for the rest.
    fn begin(&mut self, conn: &mut Conn) -> Result<String, Fault> {
        let id = self.account.id;
        let factors = accounts::factors_of(conn, id)?;
        let sessions = accounts::sessions_of(conn, id, self.now)?.into_iter().map(|session| {
            json!({"begun_at": time(session.created_at), "last_used_at": time(session.seen_at), "ends_at": time(session.expires_at),
                "address": session.address, "agent": session.agent})
        });
        let passkeys = factors
            .passkeys
            .into_iter()
            .map(|(name, added, used)| json!({"kind": "passkey", "name": name, "added_at": time(added), "last_used_at": maybe(used)}));
        let codes = factors
            .recovery_codes
            .into_iter()
            .map(|(made, used)| json!({"kind": "recovery_code", "added_at": time(made), "last_used_at": maybe(used)}));
        let totp = factors.totp.then(|| json!({"kind": "totp"}));
        // What others share is theirs.
        let own = sites::views_of(conn, id)?.into_iter().filter(|view| view.account_id == id);
        let views = own.map(
            |view| json!({"name": view.name, "query": view.listing().query(), "shared": view.shared, "created_at": time(view.created_at)}),
        );
        let optouts = mail::optouts_of(conn, &self.account.email.to_lowercase())?.into_iter();
        let optouts = optouts.map(|(topic, at)| json!({"topic": topic, "since": time(at)}));
        let head = json!({
            "format": FORMAT,
            "made_at": time(self.now),
            "account": {
                "id": id, "email": self.account.email, "name": self.account.name, "language": self.account.language,
                "role": self.account.role.map(|role| role.as_str()), "created_at": time(self.account.created_at),
                "confirmed_at": maybe(self.account.confirmed_at),
            },
            "sessions": sessions.collect::<Vec<_>>(),
            "second_factors": totp.into_iter().chain(passkeys).chain(codes).collect::<Vec<_>>(),
            "mail_not_wanted": optouts.collect::<Vec<_>>(),
            "saved_views": views.collect::<Vec<_>>(),
        });
        let plan = [
            Step::Text(",\"sites\":[".into()),
            Step::Site(None),
            Step::Text("],\"letters\":[".into()),
            Step::List(List::Letters(None)),
            Step::Text("],\"audit\":[".into()),
            Step::List(List::Audit(0)),
            Step::Text("]}\n".into()),
        ];
        self.next.extend(plan);
        Ok(open(&head))
    }

    /// What comes before all that is planned already, in order.
    fn before_all(&mut self, steps: impl DoubleEndedIterator<Item = Step>) {
        steps.rev().for_each(|step| self.next.push_front(step));
    }

    fn site(&mut self, conn: &mut Conn, after: Option<SiteId>) -> Result<String, Fault> {
        let Some(site) = sites::all_of_account(conn, self.account.id, after, 1)?.pop() else { return Ok(" ".into()) };
        let id = site.id;
        let mut object = site_object(&site);
        object["alerts_email"] = registrations::of_site(conn, id)?.into_iter().find_map(|known| known.alerts_email).into();
        object["terms"] = terms(conn, id)?;
        let text = |words: &str| Step::Text(words.to_owned());
        let lists = [
            (",\"keys\":[", List::Keys(id, None)),
            ("],\"devices\":[", List::Devices(id, None)),
            ("],\"usage\":[", List::Usage(id, None)),
            ("],\"reports\":[", List::Reports(id, None)),
            ("],\"plugins\":[", List::Plugins(id, None)),
            ("],\"broadcasts\":[", List::Broadcasts(id, None)),
            ("],\"cases\":[", List::Cases(id, None, false)),
        ];
        let steps = lists.into_iter().flat_map(|(words, list)| [text(words), Step::List(list)]).collect::<Vec<_>>();
        self.before_all(steps.into_iter().chain([text("]}"), Step::Site(Some(id))]));
        Ok(format!("{}{}", if after.is_some() { "," } else { "" }, open(&object)))
    }

    fn list(&mut self, conn: &mut Conn, list: List) -> Result<String, Fault> {
        let (begun, (rows, rest)) = (!list.is_begin(), self.rows(conn, list)?);
        if let Some(rest) = rest {
            self.next.push_front(Step::List(rest));
        }
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            if begun || number > 0 {
                text.push(',');
            }
            text += &row.to_string();
        }
        // An empty text would be the beginning again, and no piece is empty.
        Ok(if text.is_empty() { " ".into() } else { text })
    }

    /// Rows of a list, and what follows them, if anything may.
    fn rows(&self, conn: &mut Conn, list: List) -> Result<(Vec<Value>, Option<List>), Fault> {
        let account = self.account.id;
        Ok(match list {
            List::Letters(after) => {
                let page = mail::of_account(conn, account, after, AT_ONCE)?;
                (page.iter().map(letter).collect(), page.last().map(|last| List::Letters(Some(last.id))))
            }
            List::Audit(after) => {
                let page = audit::of_account(conn, account, after, AT_ONCE)?;
                let about: Vec<SiteId> = page.iter().filter_map(|entry| entry.site_id).collect();
                let owned = sites::owned_among(conn, account, &about)?;
                (page.iter().map(|entry| act(entry, account, &owned)).collect(), page.last().map(|last| List::Audit(last.seq)))
            }
            List::Keys(site, before) => {
                let page = keys::page(conn, site, before, AT_ONCE)?;
                (page.iter().map(|one| key(one, self.now)).collect(), page.last().map(|last| List::Keys(site, Some(last.id))))
            }
            List::Devices(site, before) => {
                let page = devices::page(conn, site, &devices::Filter::default(), before, AT_ONCE)?;
                (page.iter().map(device).collect(), page.last().map(|last| List::Devices(site, Some(last.id))))
            }
            List::Usage(site, after) => {
                let from = after.map(|day| day + Duration::from_secs(86_400));
                let page = push::by_day(conn, site, from, DAYS)?;
                let rest = page.last().map(|(day, ..)| List::Usage(site, Some(*day)));
                (page.iter().map(|(day, code, pushes)| json!({"day": day_of(*day), "outcome": code, "pushes": pushes})).collect(), rest)
            }
            List::Reports(site, after) => {
                let page = registrations::reports_after(conn, site, after, AT_ONCE)?;
                let rows = page.iter().map(|(day, row)| {
                    json!({"day": day_of(*day), "at": time(row.at), "signed": row.signed, "figures": parsed(Some(&row.figures)),
                        "not_understood": parsed(Some(&row.unknown))})
                });
                (rows.collect(), page.last().map(|(day, _)| List::Reports(site, Some(*day))))
            }
            List::Plugins(site, after) => {
                let page = registrations::plugins_after(conn, site, after, AT_ONCE)?;
                let rows = page.iter().map(|(month, row)| {
                    json!({"month": day_of(*month), "at": time(row.at), "plugins": parsed(row.plugins.as_deref()), "ai": parsed(row.ai.as_deref())})
                });
                (rows.collect(), page.last().map(|(month, _)| List::Plugins(site, Some(*month))))
            }
            List::Broadcasts(site, before) => {
                let page = broadcasts::page(conn, site, before, AT_ONCE)?;
                let rows = page.iter().map(|one| {
                    json!({"id": one.id, "state": one.state.as_str(), "app": one.app, "devices": one.total, "sent": one.sent,
                        "refused": one.refused, "created_at": time(one.created_at), "started_at": maybe(one.started_at),
                        "ended_at": maybe(one.ended_at)})
                });
                (rows.collect(), page.last().map(|last| List::Broadcasts(site, Some(last.id))))
            }
            List::Cases(site, after, begun) => {
                let page = abuse::list(conn, &CaseFilter { site: Some(site), after, ..CaseFilter::default() }, CASES_AT_ONCE)?;
                let told = page.iter().map(|one| case(conn, one, account)).collect::<Result<Vec<_>, Fault>>()?;
                let told: Vec<Value> = told.into_iter().flatten().collect();
                let rest = page.last().map(|last| List::Cases(site, Some(last.id), begun || !told.is_empty()));
                (told, rest)
            }
        })
    }
}

/// `2026-01-31`
fn day_of(day: Timestamp) -> String {
    day.rfc3339().split('T').next().unwrap_or_default().to_owned()
}

fn site_object(site: &Site) -> Value {
    let (own, life) = (
        json!({
            "id": site.id, "name": site.name, "url": site.url, "description": site.description, "country": site.country,
            "language": site.language, "users": site.users, "public_list": site.privacy.as_str(), "email_alerts": site.email_alerts,
            "push_wanted": site.push_wanted, "contact_name": site.contact_name, "contact_email": site.contact_email,
            "contact_told_at": maybe(site.contact_told_at),
        }),
        json!({
            "push_stopped_by_team": site.push_stopped, "state": site.state.as_str(), "state_reason": site.state_reason,
            "state_before": site.state_before.map(|state| state.as_str()), "over_limit_since": maybe(site.over_limit_since),
            "grace_until": maybe(site.grace_until), "held_since": maybe(site.held_since), "turned_away_at": maybe(site.refused_at),
            "proof": site.proof.map(|proof| proof.as_str()), "proved_at": maybe(site.proved_at),
            "waits_for_its_moodle_until": maybe(site.pairing_until), "called_at": maybe(site.called_at),
            "created_at": time(site.created_at), "changed_at": time(site.changed_at),
        }),
    );
    let members = [own, life].into_iter().filter_map(|part| if let Value::Object(map) = part { Some(map) } else { None });
    Value::Object(members.flatten().collect::<Map<_, _>>())
}

fn terms(conn: &mut Conn, site: SiteId) -> Result<Value, Fault> {
    let brake = sites::brake_of(conn, site)?.map(|brake| {
        json!({"push_per_second": brake.push_per_second, "push_per_day": brake.push_per_day,
            "enrol_per_second": brake.enrol_per_second, "until": time(brake.until)})
    });
    let (own, binding) = (sites::terms(conn, site)?, sites::binding(conn, site)?);
    let own = (own != Terms::default() || binding.is_some()).then(|| {
        json!({"binding": binding.map(Binding::as_str), "max_site_users": own.max_site_users, "push_per_second": own.push_per_second,
            "push_burst": own.push_burst, "push_per_day": own.push_per_day, "enrol_per_second": own.enrol_per_second,
            "enrol_burst": own.enrol_burst})
    });
    Ok(json!({"own": own, "slowed_down": brake}))
}

fn key(key: &keys::AccessKey, now: Timestamp) -> Value {
    let permissions = Permissions::from_stored(key.permissions).bits();
    json!({"id": key.id, "kind": key.kind.as_str(), "prefix": key.prefix, "permissions": permissions, "state": key.state(now).as_str(),
        "device": key.device_id, "created_at": time(key.created_at), "expires_at": maybe(key.expires_at),
        "revoked_at": maybe(key.revoked_at), "last_used_at": maybe(key.last_used_at), "uses": key.use_count,
        "last_network": key.last_network})
}

fn device(device: &devices::Device) -> Value {
    json!({"id": device.id, "token_end": device.hint, "name": device.name, "platform": device.platform, "app": device.app,
        "channel": device.channel, "language": device.language, "state": device.state().as_str(),
        "enrolled_at": time(device.created_at), "last_seen_at": time(device.seen_at), "confirmed_at": maybe(device.confirmed_at),
        "unregistered_at": maybe(device.unregistered_at)})
}

fn letter(letter: &mail::Posted) -> Value {
    let state = match letter.state() {
        LetterState::Waiting | LetterState::Retrying => "waiting",
        LetterState::Sent => "sent",
        LetterState::GivenUp => "given_up",
    };
    json!({"kind": letter.kind, "to": letter.to_address, "subject": letter.subject, "text": letter.masked_text(), "state": state,
        "created_at": time(letter.created_at), "sent_at": maybe(letter.sent_at)})
}

/// Who else has done something is told as what they are, and from where they did it is theirs. Of what they have done
/// themselves to somebody else's site or account, as a member of the team, it is told that they did: the rest is about others.
fn act(entry: &audit::Entry, account: AccountId, owned: &HashSet<SiteId>) -> Value {
    let by_them = entry.actor_id == Some(account);
    let of_others = entry.site_id.is_some_and(|site| !owned.contains(&site)) || entry.account_id.is_some_and(|about| about != account);
    let whole = !(by_them && of_others);
    let by = match (by_them, entry.actor_kind) {
        (true, _) => "you",
        (false, ActorKind::Account) => "another_person",
        (false, ActorKind::Operator) => "operator",
        (false, ActorKind::Hub) => "hub",
    };
    json!({"at": time(entry.at), "event": entry.event.as_str(), "by": by, "site": entry.site_id,
        "reason": entry.reason.as_ref().filter(|_| whole), "address": entry.address.as_ref().filter(|_| by_them),
        "before": parsed(entry.before.as_deref().filter(|_| whole)), "after": parsed(entry.after.as_deref().filter(|_| whole))})
}

/// A case as its owner may see it. `None`: nothing of it was told to them.
fn case(conn: &mut Conn, case: &Case, account: AccountId) -> Result<Option<Value>, Fault> {
    let entries = abuse::entries_of(conn, case.id, ENTRIES)?.into_iter().filter(|entry| entry.kind.is_for_owner());
    let entries = entries.map(|entry| {
        let own = entry.actor_id == Some(account);
        json!({"at": time(entry.at), "kind": entry.kind.as_str(), "by": if own { "you" } else { "team" }, "words": entry.words})
    });
    let entries: Vec<Value> = entries.collect();
    Ok((!entries.is_empty()).then(|| {
        json!({"number": case.number, "state": case.state.as_str(), "outcome": case.outcome.map(Outcome::as_str),
            "opened_at": time(case.opened_at), "appealed_at": maybe(case.appealed_at), "answered_at": maybe(case.answered_at),
            "closed_at": maybe(case.closed_at), "entries": entries})
    }))
}
