//! What needs somebody of the team, in the order of urgency, each with where it is dealt with.

use crate::abuse::Counts;
use crate::hub::Hub;
use crate::jobs::Job;
use crate::mail::ledger::Stuck;
use crate::push::HubHour;
use crate::settings::{GatewayName, Profile};
use crate::sites::attention::Attention;
use crate::web::filters;

/// Up to how many of each are counted: beyond that the exact number helps nobody.
pub const COUNTED: i64 = 1_001;
/// From which share of all pushes on the gateways' trouble is told, in percent.
const TROUBLE_PERCENT: u64 = 1;

/// What was found out of the hub.
pub struct Seen {
    pub cases: Counts,
    pub sites: Attention,
    pub letters: Stuck,
    /// The pushes of the last hours, oldest first.
    pub hours: Vec<HubHour>,
    pub jobs: Vec<Job>,
    pub without_factor: usize,
    /// Sites that know the hub by another address than its own.
    pub moved: i64,
    pub log_ends_well: bool,
}

/// Something that needs somebody.
pub struct Need {
    /// Of its mark: `bad`, `warn`, or `idle` for what can wait.
    pub kind: &'static str,
    pub count: String,
    pub words: String,
    pub href: &'static str,
    pub link: &'static str,
}

impl Need {
    /// Whether it is for now, not for when there is time.
    pub fn is_urgent(&self) -> bool {
        self.kind != "idle"
    }
}

/// A number counted up to a bound, as people read it.
fn counted(n: usize) -> String {
    if n as i64 >= COUNTED {
        format!("more than {}", filters::with_commas(&(COUNTED - 1).to_string()))
    } else {
        filters::with_commas(&n.to_string())
    }
}

fn need(list: &mut Vec<Need>, kind: &'static str, n: usize, words: &str, (href, link): (&'static str, &'static str)) {
    if n > 0 {
        list.push(Need { kind, count: counted(n), words: words.to_owned(), href, link });
    }
}

/// The codes that tell of a gateway, not of a push.
pub const TROUBLE: [&str; 3] = ["gateway_unavailable", "gateway_timeout", "busy"];

/// How many pushes of this and the last hour failed for the gateways' sake, and how many there were.
fn trouble(hours: &[HubHour]) -> (u64, u64) {
    let last = hours.iter().rev().take(2);
    last.fold((0, 0), |(failed, all), hour| (failed + TROUBLE.iter().map(|code| hour.of(code)).sum::<u64>(), all + hour.total()))
}

fn gateways(list: &mut Vec<Need>, hours: &[HubHour]) {
    let (failed, all) = trouble(hours);
    let percent = (failed * 100).checked_div(all).unwrap_or(0);
    if percent < TROUBLE_PERCENT {
        return;
    }
    list.push(Need {
        kind: if percent >= 10 { "bad" } else { "warn" },
        count: filters::with_commas(&failed.to_string()),
        words: format!("pushes of this and the last hour did not get through a gateway: {percent} % of all."),
        href: "/staff/gateways",
        link: "Look at the gateways",
    });
}

fn failing(hub: &Hub, jobs: &[Job]) -> usize {
    let shared = jobs.iter().filter(|job| job.error.is_some()).count();
    shared + hub.board.all().iter().filter(|(_, ran)| ran.error.is_some()).count()
}

fn settings(list: &mut Vec<Need>, hub: &Hub, moved: i64) {
    let public = hub.profile == Profile::Public;
    let mut wrong = |is_so: bool, kind, words: &str, to| need(list, kind, usize::from(is_so), words, to);
    let sandboxed = hub.hall.apps.values().any(|gateway| *gateway == GatewayName::Sandbox);
    wrong(
        public && !hub.sends_mail,
        "bad",
        "setting is dangerous: no SMTP server is set (mail.smtp_url), so no mail leaves the hub.",
        ("/staff/outbox", "Look at the outbox"),
    );
    wrong(
        public && sandboxed,
        "warn",
        "setting is dangerous: an app's pushes go to the sandbox, which delivers nothing (apps.….gateway).",
        ("/staff/gateways", "Look at the gateways"),
    );
    wrong(
        public && hub.contact.is_none(),
        "idle",
        "setting is missing: pages and mails name no contact (hub.contact_email).",
        ("/help", "See what people read"),
    );
    if moved > 0 {
        let count = counted(usize::try_from(moved).unwrap_or(0));
        let words = format!(
            "This hub's address is {}, but some registered sites know it by another one: {count}. A Moodle keeps its registration under the exact address: those sites don't find it any more. Set server.public_url back, or have them register again.",
            hub.public_url.as_str()
        );
        list.push(Need { kind: "bad", count, words, href: "/staff/sites", link: "Look at the sites" });
    }
}

/// What needs somebody, the most urgent first.
pub fn needs(hub: &Hub, seen: &Seen) -> Vec<Need> {
    let mut list = Vec::new();
    let log = ("/staff/audit", "Verify the audit log");
    need(
        &mut list,
        "bad",
        usize::from(!seen.log_ends_well),
        "audit log does not end as the hub has written it: somebody changed it in the database.",
        log,
    );
    gateways(&mut list, &seen.hours);
    let cases = ("/staff/abuse", "Look at the cases");
    let number = |counted: i64| usize::try_from(counted).unwrap_or(0);
    need(&mut list, "bad", number(seen.cases.unseen), "cases that nobody has looked at yet.", cases);
    need(&mut list, "bad", number(seen.cases.appeals), "appeals wait for an answer.", ("/staff/abuse?tab=waiting", "Answer them"));
    need(&mut list, "warn", number(seen.cases.loose_reports), "reports of the public belong to no case yet.", cases);
    settings(&mut list, hub, seen.moved);
    need(&mut list, "bad", failing(hub, &seen.jobs), "jobs failed when they last ran.", ("/staff/jobs", "Look at the jobs"));
    // Without a server nothing is late: letters wait for it, which is told of already.
    let late = if hub.sends_mail { seen.letters.late } else { 0 };
    need(&mut list, "bad", late, "letters are due for more than 15 minutes.", ("/staff/outbox?state=waiting", "Look at the outbox"));
    need(
        &mut list,
        "warn",
        seen.letters.given_up,
        "letters were given up in the last 7 days.",
        ("/staff/outbox?state=failed", "Look at the outbox"),
    );
    need(
        &mut list,
        "warn",
        seen.sites.held,
        "sites are held for a decision: each has the address or the secret of another one.",
        ("/staff#held", "Decide"),
    );
    if hub.profile == Profile::Public {
        need(&mut list, "warn", seen.without_factor, "members of the team have no second factor.", ("/staff/accounts", "Look at the team"));
    }
    need(
        &mut list,
        "warn",
        seen.sites.over_limit,
        "sites have too many users, so their push is off.",
        ("/staff/sites?push=over_user_limit", "Look at the sites"),
    );
    need(
        &mut list,
        "idle",
        seen.sites.in_grace,
        "sites have too many users and go on pushing until their grace ends.",
        ("/staff/sites?push=on&over=1", "Look at the sites"),
    );
    need(&mut list, "idle", seen.letters.refusing, "mailboxes refuse letters.", ("/staff/outbox#refusing", "Look at the mailboxes"));
    need(
        &mut list,
        "idle",
        seen.sites.unproved,
        "sites of the last month are not proved three days after they came.",
        ("/staff/sites?state=unverified&from=30d&to=4d&held=no", "Look at the sites"),
    );
    if hub.profile == Profile::Local {
        need(&mut list, "idle", seen.without_factor, "members of the team have no second factor.", ("/staff/accounts", "Look at the team"));
    }
    // What can wait comes last, whatever it is about.
    list.sort_by_key(|need| match need.kind {
        "bad" => 0,
        "warn" => 1,
        _ => 2,
    });
    list
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn beyond_the_bound_a_number_is_not_exact() {
        assert_eq!((counted(999), counted(1_000), counted(1_001)), ("999".into(), "1,000".into(), "more than 1,000".into()));
    }

    #[test]
    fn trouble_of_the_last_two_hours_counts_from_one_percent_on() {
        let hour = |pairs: &[(&str, u64)]| HubHour {
            hour: Timestamp::from_micros(0),
            by_code: pairs.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect::<BTreeMap<_, _>>(),
        };
        let told = |hours: &[HubHour]| {
            let mut list = Vec::new();
            gateways(&mut list, hours);
            list.first().map(|need| need.kind)
        };
        let (old, good) = (hour(&[("busy", 1_000)]), hour(&[("delivered", 990)]));
        assert_eq!(told(&[old.clone(), good.clone(), good.clone()]), None, "trouble of three hours ago is over");
        assert_eq!(told(&[good.clone(), hour(&[("busy", 9)])]), None);
        assert_eq!(told(&[good.clone(), hour(&[("gateway_timeout", 12)])]), Some("warn"));
        assert_eq!(told(&[good, hour(&[("gateway_unavailable", 500)])]), Some("bad"));
        assert_eq!(told(&[]), None);
    }
}
