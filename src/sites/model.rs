use diesel::prelude::*;

use super::SiteUrl;
use crate::accounts::PersonName;
use crate::clock::Timestamp;
use crate::db::Fault;
use crate::db::schema::sites;
use crate::db::types::text_enum;
use crate::error::Error;
use crate::ids::{AccountId, SiteId};
use crate::mail::{EmailAddress, Recipient};

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

/// What of a site decides whether it may push, but for the user limit, which may change: little enough to be kept in memory
/// for every site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    otherwise: Option<PushOff>,
    users: u64,
    has_grace: bool,
}

impl Switch {
    /// Why push is off under a user limit; `None`: it is on.
    pub fn off(&self, max_users: u64) -> Option<PushOff> {
        let over = self.users >= max_users && !self.has_grace;
        self.otherwise.or_else(|| over.then_some(PushOff::OverUserLimit))
    }
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
    /// Over the user limit, but pushes until then: so that whoever answers for it can do something about it.
    pub grace_until: Option<Timestamp>,
    pub held_since: Option<Timestamp>,
    pub proof: Option<ProofKind>,
    pub proved_at: Option<Timestamp>,
    pub proof_token: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    pub revision: i64,
    /// Who registered it from its Moodle: there before an account is.
    pub contact_name: Option<String>,
    pub contact_email: Option<String>,
    /// When that contact was mailed the link to an account.
    pub contact_told_at: Option<Timestamp>,
    /// Held because it shares this site's secret at another address: moved, or a copy.
    pub held_beside: Option<SiteId>,
    /// A held newcomer that the registered site's admin or the team has turned away.
    pub refused_at: Option<Timestamp>,
    /// Until then the first Moodle that asks is taken for this site's.
    pub pairing_until: Option<Timestamp>,
    /// When the site's own server last called with its token.
    pub called_at: Option<Timestamp>,
}

impl Site {
    /// Why this site may not push; `None`: it may. `max_users` is the user limit N: fewer than N may push.
    pub fn push_off(&self, max_users: u64) -> Option<PushOff> {
        self.switch().off(max_users)
    }

    /// What decides whether it may push.
    pub fn switch(&self) -> Switch {
        let otherwise = match self.state {
            SiteState::Claimed if self.held_since.is_some() => Some(PushOff::Unverified),
            SiteState::Suspended => Some(PushOff::Suspended),
            SiteState::Registered | SiteState::Unverified | SiteState::Unregistered => Some(PushOff::Unverified),
            SiteState::Claimed | SiteState::Active if self.push_stopped => Some(PushOff::Staff),
            SiteState::Claimed | SiteState::Active if !self.push_wanted => Some(PushOff::OptedOut),
            SiteState::Claimed | SiteState::Active => None,
        };
        Switch { otherwise, users: self.users(), has_grace: self.grace_until.is_some() }
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

    /// The contact that its Moodle has named, as the receiver of a letter.
    pub fn contact(&self) -> Option<Recipient> {
        let address = EmailAddress::parse(self.contact_email.as_deref()?).ok()?;
        let name = self.contact_name.as_deref().and_then(|name| PersonName::parse(name).ok());
        let name = name.map_or_else(|| self.name.clone(), |name| name.as_str().to_owned());
        Some(Recipient { account: None, site: Some(self.id), address, name, language: self.language.clone() })
    }

    /// Whether a newcomer is held beside this site, by its address or by its secret.
    pub fn is_beside(&self, newcomer: &Self) -> bool {
        let concerned = match newcomer.held_beside {
            Some(other) => other == self.id,
            None => newcomer.url_key == self.url_key && newcomer.id != self.id,
        };
        // Who is held has nothing to decide about who holds it.
        concerned && newcomer.held_since.is_some() && self.held_since.is_none()
    }

    /// Whether its owner decides about a newcomer. About another Moodle at its address only who has proved it: who has merely
    /// claimed it, or typed it into the form, could swallow the one that it belongs to. About another proof the team decides.
    pub fn may_decide_about(&self, newcomer: &Self) -> bool {
        let stands = matches!(self.state, SiteState::Active | SiteState::Claimed);
        let proved = self.state == SiteState::Active && self.proof.is_some();
        self.is_beside(newcomer) && stands && newcomer.state == SiteState::Claimed && (newcomer.held_beside.is_some() || proved)
    }

    /// Whether its owner waits for its Moodle to show itself.
    pub fn is_pairing(&self, now: Timestamp) -> bool {
        self.pairing_until.is_some_and(|until| until > now)
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
        Self { proof: None, proved_at: None, held_since: Some(now), held_beside: None, refused_at: None, ..self.in_state(state) }
    }

    /// After ownership was proved.
    pub(super) fn proved(&self, by: ProofKind, now: Timestamp) -> Result<Self, SiteError> {
        match self.state {
            SiteState::Unverified | SiteState::Claimed | SiteState::Active => {
                let free = Self { held_since: None, held_beside: None, refused_at: None, ..self.in_state(SiteState::Active) };
                Ok(Self { proof: Some(by), proved_at: Some(now), ..free })
            }
            other => Err(SiteError::NotFrom(other)),
        }
    }

    /// After it was decided that a copy is a site of its own: active if its address was proved meanwhile.
    pub(super) fn separated(&self) -> Result<Self, SiteError> {
        let free = Self { held_since: None, held_beside: None, refused_at: None, ..self.clone() };
        match (self.state, self.held_beside, self.proof) {
            (SiteState::Claimed, Some(_), Some(_)) => Ok(free.in_state(SiteState::Active)),
            (SiteState::Claimed, Some(_), None) => Ok(free),
            (other, ..) => Err(SiteError::NotFrom(other)),
        }
    }

    /// After a held newcomer was turned away: it stays held, and nobody is asked again.
    pub(super) fn refused(&self, now: Timestamp) -> Result<Self, SiteError> {
        match (self.state, self.held_since) {
            (SiteState::Unverified | SiteState::Claimed, Some(_)) => Ok(Self { refused_at: Some(now), ..self.clone() }),
            (other, _) => Err(SiteError::NotFrom(other)),
        }
    }

    /// After it was decided that `newcomer` is this same site: it has the newcomer's address now, and what was proved of it.
    pub(super) fn moved_to(&self, newcomer: &Self) -> Self {
        let moved = Self { url: newcomer.url.clone(), url_key: newcomer.url_key.clone(), ..self.clone() };
        match (self.url_key == newcomer.url_key, newcomer.proof, self.state) {
            // Who has the address was proved already, or is not the matter.
            (true, ..) => moved,
            (false, Some(proof), SiteState::Active | SiteState::Claimed) => {
                Self { proof: Some(proof), proved_at: newcomer.proved_at, ..moved.in_state(SiteState::Active) }
            }
            (false, None, SiteState::Active) => Self { proof: None, proved_at: None, ..moved.in_state(SiteState::Claimed) },
            (false, ..) => Self { proof: None, proved_at: None, ..moved },
        }
    }

    /// What its Moodle says of it; what was not said stays.
    pub(super) fn told(&self, said: &Said, now: Timestamp) -> Self {
        let or = |new: &Option<String>, old: &String| new.clone().unwrap_or_else(|| old.clone());
        let same_site = said.url.as_ref().filter(|url| url.key() == self.url_key);
        let contact_email = said.contact_email.clone().or_else(|| self.contact_email.clone());
        // Another contact has not been told yet.
        let same_contact = contact_email == self.contact_email;
        Self {
            name: or(&said.name, &self.name),
            url: same_site.map_or_else(|| self.url.clone(), |url| url.as_str().to_owned()),
            description: or(&said.description, &self.description),
            country: or(&said.country, &self.country),
            language: or(&said.language, &self.language),
            users: said.users.unwrap_or(self.users),
            privacy: said.privacy.unwrap_or(self.privacy),
            email_alerts: said.email_alerts.unwrap_or(self.email_alerts),
            contact_name: said.contact_name.clone().or_else(|| self.contact_name.clone()),
            contact_told_at: self.contact_told_at.filter(|_| same_contact),
            contact_email,
            changed_at: now,
            ..self.clone()
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
            SiteState::Suspended => {
                let left = self.in_state(SiteState::Unregistered);
                Ok(Self { state_reason: self.state_reason.clone(), state_before: self.state_before, ..left })
            }
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
    /// Another site stands at the address.
    #[error("another site is at that address")]
    Taken,
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
            SiteError::Taken => {
                Self::Conflict("Another site is registered at that address, so this one can't move there. The hub's team can help.".into())
            }
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

/// What a Moodle says of its site. All of it may be missing; what is there was validated.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub url: Option<SiteUrl>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub country: Option<String>,
    pub language: Option<String>,
    pub users: Option<i64>,
    pub privacy: Option<Privacy>,
    pub email_alerts: Option<bool>,
    pub contact_name: Option<String>,
    pub contact_email: Option<String>,
}

/// A site that registers by its Moodle's own protocol.
#[derive(Clone, Debug)]
pub struct NewClaim {
    pub url: SiteUrl,
    /// Who is logged in to the hub in the same browser.
    pub account: Option<AccountId>,
    pub push_wanted: bool,
    pub said: Said,
    pub held: Option<Beside>,
}

/// Beside whom a newcomer is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Another Moodle is registered at the same address.
    Address,
    /// This site has the same secret at another address.
    Secret(SiteId),
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
pub(super) fn ungrouped(text: &str) -> String {
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
