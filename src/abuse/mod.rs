//! Abuse: what the hub takes as a sign of it, the cases that this leads to, and what is done about a site in a case.
//!
//! What is over its threshold opens a case about the site, or joins the open one: a site has one at most. Everything in a
//! case is an act with a reason, an entry on the case and in the audit log; each step is mailed to the site's contact once.
//! Counting is `push`'s and `keys`'; slowing down, suspending and lifting are `sites`'; the words of letters are `mail`'s.
//!
//! | for a page | here |
//! | --- | --- |
//! | what signals there are | [`SIGNALS`], [`row`] |
//! | which cases, how many | [`list`], [`counts`], [`of_site`], [`open_of`], [`by_number`], [`find`] |
//! | a case's page | [`signals_of`], [`entries_of`], [`steps_of`], [`reports_of_case`], [`see`] |
//! | its forms | [`draft`], [`preview`], [`warn`], [`limit`], [`push_off`], [`suspend`], [`lift`], [`close`], [`note`], [`assign`], [`answer`] |
//! | the owner's page | [`told_case_of`], [`EntryKind::is_for_owner`], [`appeal`] |
//! | the public form | [`report`]; for the team [`loose_reports`], [`place_report`], [`settle_report`] |
//! | privacy | [`erase_appeals`], [`erase_reporter`], [`erase_words`], [`trim_reports`] |
//! | a site's page | [`open_by_hand`], [`suspend_site`], [`lift_site`], [`stop_push_of_site`] |

mod judge;
mod letters;
mod life;
mod model;
mod reports;
mod signals;
mod steps;
mod store;
mod watch;

pub use judge::{Hour, Shared, Window, judge};
pub use letters::{draft, preview};
pub use life::{Clerk, answer, appeal, assign, note, open_by_hand, raise, see, told_case_of};
pub use model::{
    Case, CaseEntry, CaseError, CaseFilter, CaseSignal, CaseState, Counts, EntryKind, Evidence, Finding, Outcome, Point, Raised, Report,
};
pub use reports::{
    NewReport, erase_reporter, find_report, loose_reports, place_report, report, reports_of_case, settle_report, trim_reports,
};
pub use signals::{Row, SIGNALS, Signal, row};
use steps::done;
pub use steps::{Order, Slowness, close, end_limit, lift, lift_site, limit, push_off, stop_push_of_site, suspend, suspend_site, warn};
pub use store::{by_number, counts, entries_of, erase_appeals, erase_words, find, is_told, list, of_site, open_of, signals_of, steps_of};
pub use watch::{Watch, trim, turn};

pub use crate::mail::{CaseStep as Step, Draft as Told};
