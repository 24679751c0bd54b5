//! One type a letter: its fields, and of which parts it is made. Their words are in `locales/<language>/mail.ftl`, in the
//! message that has the letter's kind as its name.

use super::sheet::Sheet;
use super::{Language, Text, Topic};
use crate::db::Fault;

/// What can be posted.
pub trait Letter: Sync {
    /// The name of its words, by which staff and logs call it.
    fn kind(&self) -> &'static str;

    /// What its readers may stop it as. `None`: it must come.
    fn topic(&self) -> Option<Topic> {
        None
    }

    /// # Errors
    /// When words are missing or a template fails, which would be a bug of that template.
    fn render(&self, language: Language) -> Result<Text, Fault>;
}

macro_rules! letters {
    ($($(#[$doc:meta])* $name:ident $kind:literal $(($topic:ident))? { $($field:ident: $type:ty),* $(,)? }
        [$($block:ident $($part:literal)? $($of:ident)?),* $(,)?])*) =>
    {$(
        $(#[$doc])*
        pub struct $name { $(pub $field: $type),* }

        impl Letter for $name {
            fn kind(&self) -> &'static str { $kind }

            $(fn topic(&self) -> Option<Topic> { Some(Topic::$topic) })?

            fn render(&self, language: Language) -> Result<Text, Fault> {
                let mut sheet = Sheet::new(language, $kind);
                $(sheet.field(stringify!($field), &self.$field);)*
                $(sheet.$block($($part,)? $(&self.$of)?);)*
                sheet.finish(self.topic())
            }
        }
    )*};
}

letters! {
    /// To a newcomer: follow the link, and the address is known to be yours.
    Confirm "confirm" { hub: String, name: String, site_name: String, site_url: String, link: String, hours: u64 }
        [hello name, say "intro", button "action" link, say "once"]
    /// To somebody who forgot a password.
    Reset "reset" { hub: String, name: String, link: String, hours: u64 }
        [hello name, say "intro", button "action" link, say "once"]
    /// To somebody whose address was used to register although it has an account.
    AccountExists "account_exists" { hub: String, name: String, link_login: String, link_reset: String }
        [hello name, say "intro", button "action" link_login, say "forgot", button "reset" link_reset, say "ignore"]
    /// The password was changed.
    PasswordChanged "password_changed" { hub: String, name: String, link_reset: String }
        [hello name, say "intro", button "action" link_reset]
    /// Somebody has logged in from a place that the account was not used from before.
    NewLogin "new_login" { hub: String, name: String, when: String, address: String, agent: String, link: String }
        [hello name, say "intro", fact "when" when, fact "address" address, fact "agent" agent, say "advice", button "action" link]
    /// What is needed to log in was changed. `what`: `totp_on`, `totp_off`, `passkey_added`, `passkey_removed`, `recovery_new`
    /// or `recovery_used`.
    FactorChanged "factor_changed" { hub: String, name: String, what: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// Somebody's role in the team was changed. `role`: `admin`, `reviewer`, `analyst` or `none`.
    RoleChanged "role_changed" { hub: String, name: String, role: String, link: String }
        [hello name, say "intro", button "action" link, say "advice"]
    /// To somebody who is to belong to the team. `role`: `admin`, `reviewer` or `analyst`.
    StaffInvited "staff_invited" { hub: String, name: String, role: String, link: String, hours: u64 }
        [hello name, say "intro", say "next", button "action" link, say "once"]
    /// The account is gone, as its owner wished.
    AccountErased "account_erased" { hub: String, name: String }
        [hello name, say "intro", say "advice"]

    /// The site is active. `how`: a [`ProofKind`](crate::sites::ProofKind)'s word.
    Verified "verified" (Push) { hub: String, name: String, site_name: String, site_url: String, how: String, link: String }
        [hello name, say "intro", button "action" link]
    /// To the contact of a site that its Moodle has registered: follow the link, and its page is yours.
    MoodleRegistered "moodle_registered"
        { hub: String, name: String, site_name: String, site_url: String, link: String, days: u64, held: bool }
        [hello name, say "intro", say "next", say "offer", button "action" link, say "once"]
    /// A site that was registered by the form has its Moodle now.
    Joined "joined" { hub: String, name: String, site_name: String, site_url: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// Another Moodle wants a site's address, or uses its registration from elsewhere.
    Newcomer "newcomer" {
        hub: String, name: String, site_name: String, site_url: String, newcomer_url: String, same_address: bool, may_decide: bool,
        link: String,
    }
        [hello name, say "intro", fact "newcomer" newcomer_url, say "meanwhile", say "choice", button "action" link, say "seldom"]
    /// What was decided about a newcomer. `outcome`: `moved`, `separate` or `refused`.
    Decided "decided" { hub: String, name: String, site_name: String, site_url: String, outcome: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// Somebody else proved to own the address of a site that is active already.
    UrlContested "url_contested" { hub: String, name: String, site_name: String, site_url: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// The address of a site belongs to another registration now.
    UrlLost "url_lost" { hub: String, name: String, site_name: String, site_url: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// The other registration of a held site's address has left.
    UrlFree "url_free" { hub: String, name: String, site_name: String, site_url: String, link: String }
        [hello name, say "intro", button "action" link]

    /// Push went off, since the site has too many users.
    PushOff "push_off" { hub: String, name: String, site_name: String, site_url: String, users: u64, max_users: u64, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// Push will go off, since the site has grown beyond the limit.
    PushEnding "push_ending"
        { hub: String, name: String, site_name: String, site_url: String, users: u64, max_users: u64, until: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// Push is on again.
    PushOn "push_on" (Push) { hub: String, name: String, site_name: String, site_url: String, link: String }
        [hello name, say "intro", button "action" link]

    /// A site's Moodle has asked for another key than the one it had.
    KeyRequested "key_requested" { hub: String, name: String, site_name: String, site_url: String, until: String, link: String }
        [hello name, say "intro", say "advice", button "action" link]
    /// A rotated key ends soon, and something still uses it.
    KeyEnding "key_ending"
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, until: String, network: String, link: String }
        [hello name, say "intro", fact "prefix" prefix, fact "network" network, say "effect", say "advice", button "action" link]
    /// A key in use is old.
    KeyOld "key_old" (Reminders)
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, since: String, link: String }
        [hello name, say "intro", fact "prefix" prefix, say "calm", say "advice", button "action" link]
    /// Somebody has found a key where it should not be; it is revoked. `place`: in the finder's words, or empty.
    KeyLeaked "key_leaked" { hub: String, name: String, site_name: String, site_url: String, prefix: String, place: String, link: String }
        [hello name, say "intro", fact "prefix" prefix, quote "place" place, say "effect", say "advice", button "action" link]
    /// The team has revoked a key.
    KeyRevoked "key_revoked"
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, reason: String, link: String }
        [hello name, say "intro", fact "prefix" prefix, quote "reason" reason, say "advice", button "action" link]

    /// Staff suspended the site.
    Suspended "suspended" { hub: String, name: String, site_name: String, site_url: String, reason: String, link: String }
        [hello name, say "intro", quote "reason" reason, say "advice", button "action" link]
    /// Staff lifted the suspension.
    Lifted "lifted" { hub: String, name: String, site_name: String, site_url: String, reason: String, link: String }
        [hello name, say "intro", quote "reason" reason, say "effect", button "action" link]
    /// The team has answered somebody who appealed.
    CaseAnswered "case_answered"
        { hub: String, name: String, site_name: String, site_url: String, number: i64, words: String, link: String }
        [hello name, quote "intro" words, button "action" link]
    /// To the hub's own contact: there is a new case. `signal`: its word, such as `flood`.
    CaseOpened "case_opened" { hub: String, number: i64, site_name: String, site_url: String, signal: String, link: String }
        [hello "", say "intro", button "action" link]
    /// To the hub's own contact: a site's admin has answered.
    AppealArrived "appeal_arrived" { hub: String, number: i64, site_name: String, site_url: String, words: String, link: String }
        [hello "", quote "intro" words, button "action" link]
    /// What the team tells a site's contact, in the team's words.
    Notice "notice" (Notices)
        { hub: String, name: String, site_name: String, site_url: String, subject: String, body: String, link: String }
        [titled subject, hello name, written body, button "action" link]
}
