//! One type a letter. Its words are in `templates/mail/<kind>/`.

use askama::Template;

use crate::web::filters;

/// A letter's words, ready to be kept.
pub struct Text {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What can be posted.
pub trait Letter: Sync {
    /// The name of its folder, by which staff and logs call it.
    fn kind(&self) -> &'static str;

    /// # Errors
    /// When a template fails, which would be a bug of that template.
    fn render(&self) -> Result<Text, askama::Error>;
}

/// One line, whatever a field brought along: it becomes a header.
fn one_line(subject: &str) -> String {
    subject.split_whitespace().collect::<Vec<_>>().join(" ")
}

macro_rules! letters {
    ($($(#[$doc:meta])* $name:ident $kind:literal [$subject:literal $text:literal $html:literal] { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        pub struct $name { $(pub $field: $type),* }

        const _: () = {
            #[derive(Template)]
            #[template(path = $subject, escape = "none")]
            #[allow(dead_code, reason = "each of the three parts uses some of the letter's fields")]
            struct Subject<'a> { $($field: &'a $type),* }
            #[derive(Template)]
            #[template(path = $text, escape = "none")]
            #[allow(dead_code, reason = "each of the three parts uses some of the letter's fields")]
            struct Plain<'a> { $($field: &'a $type),* }
            #[derive(Template)]
            #[template(path = $html)]
            #[allow(dead_code, reason = "each of the three parts uses some of the letter's fields")]
            struct Html<'a> { $($field: &'a $type),* }

            impl Letter for $name {
                fn kind(&self) -> &'static str { $kind }

                fn render(&self) -> Result<Text, askama::Error> {
                    let Self { $($field),* } = self;
                    Ok(Text {
                        subject: one_line(&Subject { $($field),* }.render()?),
                        text: Plain { $($field),* }.render()?,
                        html: Html { $($field),* }.render()?,
                    })
                }
            }
        };
    )*};
}

letters! {
    /// To a newcomer: follow the link, and the address is known to be yours.
    Confirm "confirm" ["mail/confirm/subject.txt" "mail/confirm/body.txt" "mail/confirm/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String, hours: u64 }
    /// To somebody who forgot a password.
    Reset "reset" ["mail/reset/subject.txt" "mail/reset/body.txt" "mail/reset/body.html"]
        { hub: String, name: String, link: String, hours: u64 }
    /// To somebody whose address was used to register although it has an account.
    AccountExists "account_exists" ["mail/account_exists/subject.txt" "mail/account_exists/body.txt" "mail/account_exists/body.html"]
        { hub: String, name: String, link_login: String, link_reset: String }
    /// Push went off, since the site has too many users.
    PushOff "push_off" ["mail/push_off/subject.txt" "mail/push_off/body.txt" "mail/push_off/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, users: u64, max_users: u64, link: String }
    /// Push will go off, since the site has grown beyond the limit.
    PushEnding "push_ending" ["mail/push_ending/subject.txt" "mail/push_ending/body.txt" "mail/push_ending/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, users: u64, max_users: u64, until: String, link: String }
    /// Push is on again.
    PushOn "push_on" ["mail/push_on/subject.txt" "mail/push_on/body.txt" "mail/push_on/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String }
    /// Staff suspended the site.
    Suspended "suspended" ["mail/suspended/subject.txt" "mail/suspended/body.txt" "mail/suspended/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, reason: String, link: String }
    /// Staff lifted the suspension.
    Lifted "lifted" ["mail/lifted/subject.txt" "mail/lifted/body.txt" "mail/lifted/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, reason: String, link: String }
    /// The site is active.
    Verified "verified" ["mail/verified/subject.txt" "mail/verified/body.txt" "mail/verified/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, how: String, link: String }
    /// Somebody else proved to own the address of a site that is active already.
    UrlContested "url_contested" ["mail/url_contested/subject.txt" "mail/url_contested/body.txt" "mail/url_contested/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String }
    /// The address of a site belongs to another registration now.
    UrlLost "url_lost" ["mail/url_lost/subject.txt" "mail/url_lost/body.txt" "mail/url_lost/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String }
    /// The other registration of a held site's address has left.
    UrlFree "url_free" ["mail/url_free/subject.txt" "mail/url_free/body.txt" "mail/url_free/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String }
    /// To the contact of a site that its Moodle has registered: follow the link, and its page is yours.
    MoodleRegistered "moodle_registered" ["mail/moodle_registered/subject.txt" "mail/moodle_registered/body.txt" "mail/moodle_registered/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String, days: u64, held: bool }
    /// Another Moodle wants a site's address, or uses its registration from elsewhere.
    Newcomer "newcomer" ["mail/newcomer/subject.txt" "mail/newcomer/body.txt" "mail/newcomer/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, newcomer_url: String, same_address: bool, may_decide: bool, link: String }
    /// A site that was registered by the form has its Moodle now.
    Joined "joined" ["mail/joined/subject.txt" "mail/joined/body.txt" "mail/joined/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, link: String }
    /// A site's Moodle has asked for another key than the one it had.
    KeyRequested "key_requested" ["mail/key_requested/subject.txt" "mail/key_requested/body.txt" "mail/key_requested/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, until: String, link: String }
    /// A rotated key ends soon, and something still uses it.
    KeyEnding "key_ending" ["mail/key_ending/subject.txt" "mail/key_ending/body.txt" "mail/key_ending/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, until: String, network: String, link: String }
    /// A key in use is old.
    KeyOld "key_old" ["mail/key_old/subject.txt" "mail/key_old/body.txt" "mail/key_old/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, since: String, link: String }
    /// Somebody has found a key where it should not be; it is revoked.
    KeyLeaked "key_leaked" ["mail/key_leaked/subject.txt" "mail/key_leaked/body.txt" "mail/key_leaked/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, place: String, link: String }
    /// The team has revoked a key.
    KeyRevoked "key_revoked" ["mail/key_revoked/subject.txt" "mail/key_revoked/body.txt" "mail/key_revoked/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, prefix: String, reason: String, link: String }
    /// What was decided about a newcomer.
    Decided "decided" ["mail/decided/subject.txt" "mail/decided/body.txt" "mail/decided/body.html"]
        { hub: String, name: String, site_name: String, site_url: String, outcome: String, link: String }
    /// The password was changed.
    PasswordChanged "password_changed" ["mail/password_changed/subject.txt" "mail/password_changed/body.txt" "mail/password_changed/body.html"]
        { hub: String, name: String, link_reset: String }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_neither_break_the_subject_nor_the_page() {
        let letter = Suspended {
            hub: "Belfry".into(),
            name: "Eve".into(),
            site_name: "X\r\nBcc: a@b.example <script>".into(),
            site_url: "https://x.example".into(),
            reason: "spam".into(),
            link: "https://hub.example/my".into(),
        };
        let text = letter.render().unwrap();
        assert!(!text.subject.contains(['\r', '\n']));
        assert!(!text.html.contains("<script>"));
        assert!(text.text.contains("https://hub.example/my"));
    }
}
