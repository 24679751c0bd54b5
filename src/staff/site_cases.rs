//! The cases on a site's page (`staff/site_cases.html`).

use crate::abuse::{self, Case, CaseState, Outcome};
use crate::db::{Conn, Fault};
use crate::ids::SiteId;
use crate::web::{Badge, When};

/// The cases of a site, newest first.
pub struct SiteCases {
    pub site: String,
    pub rows: Vec<SiteCase>,
    pub may_open: bool,
}

/// A case of a site.
pub struct SiteCase {
    pub id: String,
    pub number: i64,
    pub what: &'static str,
    pub opened: When,
    pub state: Badge,
}

impl SiteCase {
    pub(super) fn new(case: &Case) -> Self {
        let state = match (case.state, case.outcome) {
            (CaseState::Open, _) => Badge::new("warn", "Open"),
            (CaseState::Closed, Some(Outcome::FalseAlarm)) => Badge::new("idle", "False alarm"),
            (CaseState::Closed, _) => Badge::new("idle", "Settled"),
        };
        let what = abuse::row(case.opened_by).title;
        Self { id: case.id.to_string(), number: case.number, what, opened: case.opened_at.into(), state }
    }
}

impl SiteCases {
    /// The newest ones of a site.
    pub fn of(conn: &mut Conn, may_open: bool, site: SiteId) -> Result<Self, Fault> {
        let rows = abuse::of_site(conn, site, 20)?.iter().map(SiteCase::new).collect();
        Ok(Self { site: site.to_string(), rows, may_open })
    }
}
