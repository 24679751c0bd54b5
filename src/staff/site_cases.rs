//! A case in one line, as the pages of a site and of its other cases list it.

use crate::abuse::{self, Case, CaseState, Outcome};
use crate::db::{Conn, Fault};
use crate::ids::SiteId;
use crate::web::{Badge, When};

/// How many of a site's cases its page lists.
const MOST: i64 = 50;

/// A case of a site.
pub struct SiteCase {
    pub id: String,
    pub number: i64,
    /// What opened it.
    pub what: &'static str,
    pub opened: When,
    pub closed: Option<When>,
    pub is_open: bool,
    pub state: Badge,
}

impl SiteCase {
    pub(super) fn new(case: &Case) -> Self {
        let state = match (case.state, case.outcome) {
            (CaseState::Open, _) => Badge::new("warn", "Open"),
            (CaseState::Closed, Some(Outcome::FalseAlarm)) => Badge::new("idle", "False alarm"),
            (CaseState::Closed, _) => Badge::new("idle", "Settled"),
        };
        Self {
            id: case.id.to_string(),
            number: case.number,
            what: abuse::row(case.opened_by).title,
            opened: case.opened_at.into(),
            closed: case.closed_at.map(When::from),
            is_open: case.state == CaseState::Open,
            state,
        }
    }

    /// The cases of a site, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn of_site(conn: &mut Conn, site: SiteId) -> Result<Vec<Self>, Fault> {
        Ok(abuse::of_site(conn, site, MOST)?.iter().map(Self::new).collect())
    }
}
