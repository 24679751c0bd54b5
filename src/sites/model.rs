use diesel::prelude::*;

use super::SiteUrl;
use crate::clock::Timestamp;
use crate::db::Fault;
use crate::db::schema::sites;
use crate::db::types::text_enum;
use crate::error::Error;
use crate::ids::{AccountId, SiteId};

text_enum! {
    /// Where a site is in its life (design.md section 3).
    pub enum SiteState {
        /// By the web form; the mail address is not confirmed yet.
        Registered => "registered",
        /// The address is confirmed, ownership is not proved.
        Unverified => "unverified",
        /// By Moodle's own protocol; ownership is not proved.
        Claimed => "claimed",
        Active => "active",
        Suspended => "suspended",
        Unregistered => "unregistered",
    }
}

text_enum! {
    /// How much of the site the public list shows.
    pub enum Privacy {
        NotDisplayed => "notdisplayed",
        Named => "named",
        Linked => "linked",
    }
}

text_enum! {
    /// What proved that the account owns the site.
    pub enum ProofKind {
        Meta => "meta",
        File => "file",
        Dns => "dns",
        Call => "call",
        Staff => "staff",
    }
}

/// Why push is off. Each has words for people on the site's page and in the API's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOff {
    OptedOut,
    OverUserLimit,
    Suspended,
    Unverified,
    Staff,
}

/// A site, as stored.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sites)]
pub struct Site {
    pub id: SiteId,
    pub account_id: Option<AccountId>,
    pub name: String,
    pub url: String,
    pub url_key: String,
    pub description: String,
    pub country: String,
    pub language: String,
    pub users: i64,
    pub privacy: Privacy,
    pub email_alerts: bool,
    pub push_wanted: bool,
    pub push_stopped: bool,
    pub state: SiteState,
    pub state_reason: Option<String>,
    pub state_before: Option<SiteState>,
    pub over_limit_since: Option<Timestamp>,
    pub held_since: Option<Timestamp>,
    pub proof: Option<ProofKind>,
    pub proved_at: Option<Timestamp>,
    pub proof_token: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    pub revision: i64,
}

impl Site {
    /// Why this site may not push; `None`: it may. `max_users` is the user limit N: fewer than N may push.
    pub fn push_off(&self, max_users: u64) -> Option<PushOff> {
        match self.state {
            SiteState::Claimed if self.held_since.is_some() => return Some(PushOff::Unverified),
            SiteState::Suspended => return Some(PushOff::Suspended),
            SiteState::Registered | SiteState::Unverified | SiteState::Unregistered => return Some(PushOff::Unverified),
            SiteState::Claimed | SiteState::Active => {}
        }
        if self.push_stopped {
            Some(PushOff::Staff)
        } else if !self.push_wanted {
            Some(PushOff::OptedOut)
        } else if self.is_over(max_users) {
            Some(PushOff::OverUserLimit)
        } else {
            None
        }
    }

    /// Whether the site has too many users for push.
    pub fn is_over(&self, max_users: u64) -> bool {
        self.users() >= max_users
    }

    /// Registered users.
    pub fn users(&self) -> u64 {
        u64::try_from(self.users).unwrap_or(0)
    }

    /// The address as a parsed URL.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] if it is none, which no door lets in.
    pub fn site_url(&self) -> Result<SiteUrl, Fault> {
        SiteUrl::parse(&self.url).map_err(Fault::Unreadable)
    }

    /// Whether keys may be issued: the site was proved, and is not suspended or gone.
    pub fn may_have_keys(&self) -> bool {
        match self.state {
            SiteState::Active => true,
            SiteState::Claimed => self.held_since.is_none(),
            _ => false,
        }
    }

    /// Whether it has left the hub while it was suspended: its address is not free for a fresh start.
    pub fn left_suspended(&self) -> bool {
        self.state == SiteState::Unregistered && self.state_reason.is_some()
    }

    fn in_state(&self, state: SiteState) -> Self {
        Self { state, state_reason: None, state_before: None, ..self.clone() }
    }

    /// After the mail address was confirmed.
    pub(super) fn confirmed(&self) -> Result<Self, SiteError> {
        match self.state {
            SiteState::Registered => Ok(self.in_state(SiteState::Unverified)),
            other => Err(SiteError::NotFrom(other)),
        }
    }

    /// After another registration got its address: a proof is void, a claim stays one.
    pub(super) fn held(&self, now: Timestamp) -> Self {
        let state = if self.state == SiteState::Active { SiteState::Unverified } else { self.state };
        Self { proof: None, proved_at: None, held_since: Some(now), ..self.in_state(state) }
    }

    /// After ownership was proved.
    pub(super) fn proved(&self, by: ProofKind, now: Timestamp) -> Result<Self, SiteError> {
        match self.state {
            SiteState::Unverified | SiteState::Claimed | SiteState::Active => {
                Ok(Self { proof: Some(by), proved_at: Some(now), held_since: None, ..self.in_state(SiteState::Active) })
            }
            other => Err(SiteError::NotFrom(other)),
        }
    }

    /// After staff suspended it.
    pub(super) fn suspended(&self, reason: &str) -> Result<Self, SiteError> {
        match self.state {
            SiteState::Unverified | SiteState::Claimed | SiteState::Active => {
                Ok(Self { state_reason: Some(reason.to_owned()), state_before: Some(self.state), ..self.in_state(SiteState::Suspended) })
            }
            other => Err(SiteError::NotFrom(other)),
        }
    }

    /// After staff lifted the suspension: where it was before.
    pub(super) fn lifted(&self) -> Result<Self, SiteError> {
        match (self.state, self.state_before) {
            (SiteState::Suspended, before) => Ok(self.in_state(before.unwrap_or(SiteState::Unverified))),
            (other, _) => Err(SiteError::NotFrom(other)),
        }
    }

    /// After its owner took it off the hub.
    pub(super) fn unregistered(&self) -> Result<Self, SiteError> {
        match self.state {
            SiteState::Unregistered => Err(SiteError::NotFrom(self.state)),
            // Why it was suspended stays: leaving and coming back is no way around it.
            SiteState::Suspended => Ok(Self { state_reason: self.state_reason.clone(), ..self.in_state(SiteState::Unregistered) }),
            _ => Ok(self.in_state(SiteState::Unregistered)),
        }
    }
}

/// Why an act on a site did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("no such site")]
    Unknown,
    #[error("a site that is {0} can't do this")]
    NotFrom(SiteState),
    /// This account has registered that address already.
    #[error("registered already")]
    Again(SiteId),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SiteError> for Error {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Unknown => Self::NotFound,
            SiteError::NotFrom(state) => Self::Conflict(
                match state {
                    SiteState::Registered => {
                        "The e-mail address of this site's contact is not confirmed yet: the link in the mail comes first."
                    }
                    SiteState::Unverified => "It is not proved yet who owns this site, so this can't be done. Look at its page again.",
                    SiteState::Claimed => "This site is on trial, so this can't be done. Look at its page again.",
                    SiteState::Active => "This site is active, so this can't be done. Look at its page again.",
                    SiteState::Suspended => "This site is suspended, so this can't be done. Its page says why.",
                    SiteState::Unregistered => "This site has left the hub. Register it again to use push.",
                }
                .into(),
            ),
            SiteError::Again(_) => Self::Conflict("This site is registered already.".into()),
            SiteError::Fault(fault) => fault.into(),
        }
    }
}

/// What somebody registers.
#[derive(Clone, Debug)]
pub struct NewSite {
    pub name: SiteName,
    pub url: SiteUrl,
    pub description: Description,
    pub country: Country,
    pub language: Language,
    pub users: Users,
    pub privacy: Privacy,
    pub push_wanted: bool,
    pub email_alerts: bool,
}

/// What an owner may change.
#[derive(Clone, Debug)]
pub struct SiteChange {
    pub name: SiteName,
    pub description: Description,
    pub country: Country,
    pub language: Language,
    pub users: Users,
    pub privacy: Privacy,
    pub push_wanted: bool,
    pub email_alerts: bool,
}

/// A site's name: 1 to 200 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteName(pub(super) String);

impl SiteName {
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Type the name of your site, as people know it.".into()),
            n if n > 200 => Err(format!("At most 200 characters, please; this has {n}.")),
            _ if text.chars().any(char::is_control) => Err("A name is one line of text.".into()),
            // It stands in mails to an address that nobody has confirmed yet.
            _ if text.contains("://") => Err("A name is no address: the site's address has a field of its own.".into()),
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a site says of itself: at most 2,000 characters, maybe none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(pub(super) String);

impl Description {
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().replace("\r\n", "\n");
        match text.chars().count() {
            n if n > 2_000 => Err(format!("At most 2,000 characters, please; this has {n}.")),
            _ if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => Err("This has characters that can't be shown.".into()),
            _ => Ok(Self(text)),
        }
    }
}

/// A country, by its two letters of ISO 3166-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(pub(super) String);

impl Country {
    /// # Errors
    /// What the person who chose it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let code = text.trim().to_ascii_uppercase();
        if code.is_empty() {
            return Err("Choose the country your site is in.".into());
        }
        rust_iso3166::from_alpha2(&code)
            .map(|_| Self(code))
            .ok_or_else(|| "Choose a country from the list (two letters of ISO 3166).".into())
    }

    /// Every country: code and English name, by name.
    pub fn all() -> Vec<(&'static str, &'static str)> {
        let mut all: Vec<_> = rust_iso3166::ALL.iter().map(|c| (c.alpha2, c.name)).collect();
        all.sort_by_key(|(_, name)| *name);
        all
    }
}

/// A language as Moodle names them: `en`, `pt_br`, `zh_cn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language(pub(super) String);

impl Language {
    /// The languages the form offers; others are accepted too, since Moodle has hundreds.
    pub const OFFERED: [(&'static str, &'static str); 27] = [
        ("ar", "العربية"),
        ("bg", "Български"),
        ("ca", "Català"),
        ("cs", "Čeština"),
        ("da", "Dansk"),
        ("de", "Deutsch"),
        ("el", "Ελληνικά"),
        ("en", "English"),
        ("es", "Español"),
        ("eu", "Euskara"),
        ("fa", "فارسی"),
        ("fi", "Suomi"),
        ("fr", "Français"),
        ("he", "עברית"),
        ("hu", "Magyar"),
        ("id", "Indonesia"),
        ("it", "Italiano"),
        ("ja", "日本語"),
        ("nl", "Nederlands"),
        ("no", "Norsk"),
        ("pl", "Polski"),
        ("pt", "Português"),
        ("pt_br", "Português (Brasil)"),
        ("ru", "Русский"),
        ("tr", "Türkçe"),
        ("uk", "Українська"),
        ("zh_cn", "简体中文"),
    ];

    /// # Errors
    /// What the person who chose it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let code = text.trim().to_ascii_lowercase().replace('-', "_");
        let mut parts = code.split('_');
        let well_formed = parts.next().is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase()))
            && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        match code.len() {
            0 => Err("Choose the language of your site.".into()),
            n if n > 30 || !well_formed => Err("Choose a language from the list, or a code such as en or pt_br.".into()),
            _ => Ok(Self(code)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many registered users a site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Users(pub(super) i64);

impl Users {
    /// No Moodle has more.
    const MOST: i64 = 1_000_000_000;

    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = ungrouped(text.trim());
        if digits.is_empty() {
            return Err("Type how many registered users your site has; 0 is fine for a new one.".into());
        }
        match digits.parse::<i64>() {
            Ok(count) if (0..=Self::MOST).contains(&count) && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(Self(count)),
            _ => Err("Type a whole number, such as 1200.".into()),
        }
    }

    pub fn count(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

/// A number without what people put between groups of three digits: `20,000`, `20.000`, `20 000`. Anything else stays.
fn ungrouped(text: &str) -> String {
    let mut groups = text.split([',', '.', ' ', '\u{a0}', '\u{202f}', '\'']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    if (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3) {
        first.to_owned() + &rest.concat()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_say_what_is_wrong() {
        assert_eq!(Users::parse(" 20,000 ").map(Users::count), Ok(20_000));
        assert_eq!(Users::parse("1.234.567").map(Users::count), Ok(1_234_567));
        for bad in ["", "-1", "many", "1e3", "99999999999999999999", "+5", "1.5", "1,00", ",100", "1 0"] {
            assert!(Users::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Country::parse("es").map(|c| c.0), Ok("ES".into()));
        assert!(Country::parse("XX").is_err() && Country::parse("").is_err());
        assert_eq!(Language::parse("pt-BR").map(|l| l.0), Ok("pt_br".into()));
        for bad in ["", "e", "english!", "en_", "1n"] {
            assert!(Language::parse(bad).is_err(), "{bad}");
        }
        assert!(Country::all().len() > 200);
    }

    proptest! {
        #[test]
        fn no_field_parser_panics(text in "\\PC{0,300}") {
            let _ = (Users::parse(&text), Country::parse(&text), Language::parse(&text), SiteName::parse(&text), Description::parse(&text));
        }
    }
}
