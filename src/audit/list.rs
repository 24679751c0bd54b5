//! The log as people read it: what is asked for, events in plain words, and what differs side by side.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{ActorKind, Entry, Event};
use crate::clock::Timestamp;
use crate::ids::{AccountId, SiteId};

/// Which entries are asked for. Nothing said: all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub event: Option<Event>,
    pub actor_kind: Option<ActorKind>,
    pub actor: Option<AccountId>,
    pub site: Option<SiteId>,
    pub account: Option<AccountId>,
    /// Entries by or about somebody.
    pub by_or_about: Option<AccountId>,
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Older than the entry with this number.
    pub before: Option<i64>,
}

impl Event {
    /// What was done, in plain words that go after a name: "Ada *suspended a site*".
    pub fn words(self) -> &'static str {
        match self {
            Self::AccountCreated => "made an account",
            Self::AccountConfirmed => "confirmed a mail address",
            Self::PasswordSet => "set a password",
            Self::StaffAdded => "invited somebody to the team",
            Self::SiteRegistered => "registered a site",
            Self::SiteProved => "proved a site",
            Self::SiteHeld => "held a site beside another registration",
            Self::SiteApproved => "vouched for a site",
            Self::SiteChanged => "changed a site's data",
            Self::SiteSuspended => "suspended a site",
            Self::SiteLifted => "lifted a suspension",
            Self::SiteUnregistered => "unregistered a site",
            Self::PushOff => "switched push off",
            Self::PushEnding => "announced that push will go off",
            Self::PushOn => "switched push on",
            Self::KeyIssued => "issued an access key",
            Self::KeyRotated => "rotated an access key",
            Self::KeyRevoked => "revoked an access key",
            Self::BindingSet => "set what happens with unknown tokens",
            Self::BroadcastStarted => "started a broadcast",
            Self::BroadcastCancelled => "cancelled a broadcast",
            Self::SiteClaimed => "registered a site from its Moodle",
            Self::SiteJoined => "joined a site with its Moodle",
            Self::SiteMoved => "took a newcomer for the registered site",
            Self::SiteSeparated => "made a newcomer a site of its own",
            Self::SiteRefused => "turned a newcomer away",
            Self::SiteAdopted => "took a site over as its contact",
            Self::PairingOpened => "opened a pairing window",
            Self::LoggedIn => "logged in",
            Self::FactorAdded => "added a second factor",
            Self::FactorRemoved => "removed a second factor",
            Self::RoleSet => "changed a role",
            Self::AccountDisabled => "disabled an account",
            Self::AccountEnabled => "enabled an account",
            Self::AccountExported => "exported an account's data",
            Self::AccountErased => "erased an account",
            Self::SessionEnded => "ended sessions",
            Self::TermsSet => "set limits of a site",
            Self::BrakeSet => "slowed a site down",
            Self::BrakeEnded => "ended a slowdown",
            Self::SettingChanged => "changed a setting",
            Self::CaseOpened => "opened a case",
            Self::CaseAssigned => "assigned a case",
            Self::CaseNoted => "wrote a note on a case",
            Self::CaseWarned => "warned a site",
            Self::CaseAppealed => "answered a case (appeal)",
            Self::CaseAnswered => "answered an appeal",
            Self::CaseClosed => "closed a case",
            Self::NoticeSent => "sent a notice",
            Self::AuditExported => "exported the audit log",
            Self::SitesExported => "took a list of sites as a file",
            Self::MailboxCleared => "had a refusing mailbox tried again",
            Self::ContentErased => "erased addresses from the audit log",
        }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    pub name: String,
    /// `None`: it was not there.
    pub before: Option<String>,
    pub after: Option<String>,
}

fn members(json: Option<&str>) -> Map<String, Value> {
    match json.map(serde_json::from_str) {
        Some(Ok(Value::Object(map))) => map,
        Some(Ok(other)) => Map::from_iter([("value".to_owned(), other)]),
        _ => Map::new(),
    }
}

fn shown(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }
}

impl Entry {
    /// What was changed, thing by thing.
    pub fn changes(&self) -> Vec<Differing> {
        let (before, after) = (members(self.before.as_deref()), members(self.after.as_deref()));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let line =
            |name: &String| Differing { name: name.replace('_', " "), before: shown(before.get(name)), after: shown(after.get(name)) };
        names.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_event_has_words_of_its_own() {
        let words: HashSet<&str> = Event::ALL.iter().map(|event| event.words()).collect();
        assert_eq!(words.len(), Event::ALL.len());
        assert!(words.iter().all(|words| !words.is_empty() && !words.contains('_')));
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!(shown(Some(&Value::Null)), None);
        assert_eq!(shown(Some(&"text".into())).as_deref(), Some("text"));
        assert_eq!(shown(Some(&20_000.into())).as_deref(), Some("20000"));
        assert_eq!(members(Some("not json")).len(), 0);
    }
}
