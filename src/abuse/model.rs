use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Signal;
use crate::audit::ActorKind;
use crate::clock::Timestamp;
use crate::db::Fault;
use crate::db::schema::{abuse_reports, case_entries, cases};
use crate::db::types::text_enum;
use crate::error::Error;
use crate::ids::{AccountId, CaseId, EntryId, LetterId, ReportId, SiteId};
use crate::sites::SiteError;

text_enum! {
    pub enum CaseState {
        Open => "open",
        Closed => "closed",
    }
}

text_enum! {
    /// How a case ended.
    pub enum Outcome {
        Settled => "settled",
        /// There was nothing: the same signals stay quiet for a while.
        FalseAlarm => "false_alarm",
    }
}

text_enum! {
    /// What happened in a case.
    pub enum EntryKind {
        Opened => "opened",
        Signal => "signal",
        Report => "report",
        Note => "note",
        Assigned => "assigned",
        Warned => "warned",
        Limited => "limited",
        LimitEnded => "limit_ended",
        PushOff => "push_off",
        PushOn => "push_on",
        Suspended => "suspended",
        Lifted => "lifted",
        Appeal => "appeal",
        Answer => "answer",
        Closed => "closed",
    }
}

impl EntryKind {
    /// Whether the site's owner sees it, with its words: what was done to the site, and what they and the team wrote to each
    /// other. Notes, signals, and who reported what are the team's.
    pub fn is_for_owner(self) -> bool {
        match self {
            Self::Warned | Self::Limited | Self::LimitEnded | Self::PushOff | Self::PushOn | Self::Suspended => true,
            Self::Lifted | Self::Appeal | Self::Answer => true,
            Self::Opened | Self::Signal | Self::Report | Self::Note | Self::Assigned | Self::Closed => false,
        }
    }
}

/// One abuse matter about one site, from the first signal to its closing.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = cases)]
pub struct Case {
    pub id: CaseId,
    /// 1, 2, 3 …: how people call it.
    pub number: i64,
    pub site_id: SiteId,
    pub state: CaseState,
    pub outcome: Option<Outcome>,
    pub opened_by: Signal,
    pub assigned_to: Option<AccountId>,
    /// Each step is mailed once a round; lifting begins another.
    pub round: i64,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
    /// When something over its threshold was last seen.
    pub signal_at: Option<Timestamp>,
    /// When somebody of the team first looked at it, or at what is new in it.
    pub seen_at: Option<Timestamp>,
    pub appealed_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub revision: i64,
}

impl Case {
    pub fn is_open(&self) -> bool {
        self.state == CaseState::Open
    }

    /// Whether the owner waits for an answer.
    pub fn waits_for_answer(&self) -> bool {
        self.is_open() && self.appealed_at > self.answered_at
    }

    /// How pages call it: `Case 17`.
    pub fn title(&self) -> String {
        format!("Case {}", self.number)
    }
}

/// A moment of a small chart, and how much there was in the ten minutes or the hour that begin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since 1970.
    at: i64,
    pub amount: i64,
}

impl Point {
    pub fn new(at: Timestamp, amount: i64) -> Self {
        Self { at: at.seconds(), amount }
    }

    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at.saturating_mul(1_000_000))
    }
}

/// What was counted when a signal was over its threshold: numbers, never what a message said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Of how many, where the amount is a part of something.
    pub total: Option<i64>,
    pub share_percent: Option<i64>,
    /// For a chart: the last hours.
    pub series: Vec<Point>,
    /// Networks, or the ends of tokens.
    pub samples: Vec<String>,
}

/// One kind of signal of a case: what is repeated is one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseSignal {
    pub signal: Signal,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// In how many steps of ten minutes it was over its threshold.
    pub times: i64,
    /// The last one, and the highest.
    pub amount: i64,
    pub peak: i64,
    /// Of the last one.
    pub threshold: i64,
    pub evidence: Evidence,
}

/// Something that happened in a case.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = case_entries)]
pub struct CaseEntry {
    pub id: EntryId,
    pub at: Timestamp,
    pub kind: EntryKind,
    pub actor_kind: ActorKind,
    pub actor_id: Option<AccountId>,
    /// A reason, a note, an appeal: as it was typed.
    pub words: String,
    /// The letter that told of it.
    pub letter_id: Option<LetterId>,
}

/// What somebody has told of a site.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = abuse_reports)]
pub struct Report {
    pub id: ReportId,
    pub at: Timestamp,
    pub site_id: Option<SiteId>,
    pub case_id: Option<CaseId>,
    /// What they say it is about: an address, a name.
    pub about: String,
    pub words: String,
    pub reporter_email: Option<String>,
    pub network: String,
    pub done_at: Option<Timestamp>,
}

/// Which cases are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    pub state: Option<CaseState>,
    pub signal: Option<Signal>,
    pub assigned_to: Option<AccountId>,
    /// Only those whose owner waits for an answer.
    pub appealed: bool,
    pub site: Option<SiteId>,
    /// Older than this one.
    pub after: Option<CaseId>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open ones that nobody has looked at.
    pub unseen: i64,
    pub open: i64,
    /// Whose owner waits for an answer.
    pub appeals: i64,
    /// Reports that are on no case.
    pub loose_reports: i64,
}

/// Something over its threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub signal: Signal,
    pub amount: i64,
    pub threshold: i64,
    pub evidence: Evidence,
}

impl Finding {
    /// The team's own eye.
    pub fn by_staff() -> Self {
        Self { signal: Signal::Staff, amount: 1, threshold: 0, evidence: Evidence::default() }
    }
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    Opened(CaseId),
    Joined(CaseId),
    /// A case like it was closed a short time ago, or as a false alarm; or the site can't push anyway.
    Quiet,
}

impl Raised {
    pub fn case(self) -> Option<CaseId> {
        match self {
            Self::Opened(case) | Self::Joined(case) => Some(case),
            Self::Quiet => None,
        }
    }
}

/// Why an act on a case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("no such case")]
    Unknown,
    #[error("the case is closed")]
    Closed,
    /// This step of this case was taken, and told, already.
    #[error("{0} was taken already, on {1:?}")]
    Already(super::Step, Timestamp),
    /// Its words say what to do first.
    #[error("not now: {0}")]
    NotNow(&'static str),
    /// So many that somebody has to read them first.
    #[error("too many")]
    TooMany,
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<CaseError> for Error {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Unknown => Self::NotFound,
            CaseError::Closed => Self::Conflict("This case is closed. Look at the site: it may have another one.".into()),
            CaseError::Already(step, at) => Self::Conflict(format!(
                "The site's contact {} already on {}. Each step is mailed once: lift what holds the site, and another round begins.",
                super::done(step),
                at.readable()
            )),
            CaseError::NotNow(words) => Self::Conflict(words.into()),
            CaseError::TooMany => Self::Conflict("The hub's team has your messages and has not answered yet. Please wait for them.".into()),
            CaseError::Site(error) => error.into(),
            CaseError::Fault(fault) => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_back_from_its_text_and_an_older_one_is_read() {
        let at: Timestamp = "2026-01-31T12:10:00Z".parse().unwrap();
        let evidence =
            Evidence { total: Some(9), share_percent: Some(44), series: vec![Point::new(at, 4)], samples: vec!["…AHEqMi".into()] };
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
        assert_eq!(evidence.series[0].at(), at);
        assert_eq!(serde_json::from_str::<Evidence>("{}").unwrap(), Evidence::default());
    }
}
