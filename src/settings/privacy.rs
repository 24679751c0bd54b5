//! How long what tells of a person is kept.

use std::time::Duration;

use super::{Reader, duration};

/// How long what tells of a person is kept. Each is done by the job `retention` (`docs/privacy.md`).
#[derive(Clone, Copy, Debug)]
pub struct Privacy {
    pub letters_for: Duration,
    pub contacts_for: Duration,
    pub pushes_for: Duration,
    pub audit_addresses_for: Duration,
    pub reports_for: Duration,
    pub cases_for: Duration,
}

pub(super) fn read(r: &mut Reader) -> Option<Privacy> {
    let (letters_for, contacts_for) = (r.with("privacy.letters_for", duration), r.with("privacy.contacts_for", duration));
    let (pushes_for, audit_addresses_for) = (r.with("privacy.pushes_for", duration), r.with("privacy.audit_addresses_for", duration));
    let (reports_for, cases_for) = (r.with("privacy.reports_for", duration), r.with("privacy.cases_for", duration));
    Some(Privacy {
        letters_for: letters_for?,
        contacts_for: contacts_for?,
        pushes_for: pushes_for?,
        audit_addresses_for: audit_addresses_for?,
        reports_for: reports_for?,
        cases_for: cases_for?,
    })
}
