//! Every way in which the keyed API says no: one table, from which the answer, the help page and the counters are read.

use std::time::Duration;

use crate::devices::Gone;
use crate::ids::SiteId;
use crate::limits::Standing;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub kind: RefusalKind,
    /// HTTP status.
    pub status: u16,
    /// `error` in the answer: AirNotifier's words where a client reads them.
    pub words: &'static str,
    /// `code` in the answer: never changes.
    pub code: &'static str,
    pub meaning: &'static str,
    pub remedy: &'static str,
}

macro_rules! refusals {
    ($($kind:ident => $status:literal, $words:literal, $code:literal, $meaning:literal, $remedy:literal;)*) => {
        /// Which refusal it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalKind { $($kind),* }

        /// Every refusal, in the order in which requests are checked.
        pub const REFUSALS: &[Row] = &[$(Row {
            kind: RefusalKind::$kind, status: $status, words: $words, code: $code, meaning: $meaning, remedy: $remedy,
        }),*];
    };
}

refusals! {
    NoAppName => 400, "app name is required", "app_name_required",
        "The request has no X-AN-APP-NAME header.", "Set Moodle's \"Airnotifier app name\" to the name shown with the access key.";
    NoAppKey => 400, "app key is required", "app_key_required",
        "The request has no X-AN-APP-KEY header.", "Set Moodle's \"Airnotifier access key\".";
    MalformedKey => 400, "Invalid access key", "malformed_key",
        "What was sent as access key is none of this hub's: its check characters don't fit. It was probably cut off or mistyped.",
        "Copy the whole key again, or issue a new one on your site's page.";
    UnknownKey => 400, "Invalid access key", "unknown_key",
        "The access key is not known here.", "Issue a new key on your site's page and put it into Moodle.";
    ExpiredKey => 400, "Invalid access key", "key_expired",
        "The access key has ended: it was replaced by a newer one.", "Put the newer key into Moodle.";
    RevokedKey => 400, "Invalid access key", "key_revoked",
        "The access key was revoked.", "Issue a new key on your site's page and put it into Moodle.";
    SiteSuspended => 403, "Site suspended", "site_suspended",
        "The hub's team has suspended the site.", "Open the page that the answer names under \"help\", and log in: it says why, and there you can answer the team.";
    SiteUnverified => 403, "Site not verified", "site_unverified",
        "It is not proved yet that this site is yours.", "Log in and prove it on your site's page: it takes a minute.";
    SiteHeld => 403, "Site is held beside another registration", "site_held",
        "Another registration has this site's address or its secret, and it is not decided yet which of the two it is.",
        "Whoever registered the site first was mailed, and decides; so can the hub's team. Proving the address on the site's page helps.";
    NotRegistered => 403, "You must register your site with this hub first", "site_not_registered",
        "No site with this address and secret is registered here.",
        "Register it in Moodle under Site administration › General › Registration, or press Update registration there. A site that was registered by the hub's form is joined with its Moodle first: on its page, under Settings.";
    PushDisabled => 403, "Push notifications are switched off for this site", "push_disabled",
        "Push is switched off for this site, by its owner or by the hub's team.", "Log in and look at your site's settings.";
    OverUserLimit => 403, "Site has too many users", "over_user_limit",
        "The push server is limited to sites with fewer users than this one has.", "Ask the hub's team, or correct the number in your site's settings.";
    MayNotSend => 403, "No permission to send notification", "may_not_send",
        "This key can't send: keys for devices only enrol.", "Send with the site's own key.";
    MayNotBroadcast => 403, "No permission to send broadcast", "may_not_broadcast",
        "This key can't send to all devices: keys for devices only enrol.", "Send with the site's own key.";
    MayNotCreate => 403, "No permission to create token", "may_not_create",
        "This key can't enrol devices.", "Use the site's key or its key for devices.";
    MayNotDelete => 403, "No permission to delete token", "may_not_delete",
        "This key can't remove devices.", "Use the site's own key.";
    MayNotIssue => 403, "No permission to create access key", "may_not_issue",
        "This key can't make such a key: only a site's own key does, and none that may do more than itself.", "Use the site's own key, and ask for less.";
    TooManyKeys => 403, "Too many access keys", "too_many_keys",
        "The site, or the device, has as many working keys of this kind as it may have.", "Revoke one that is not used any more, or rotate one.";
    OtherDevice => 403, "No permission for this token", "other_device",
        "This key is one device's, and good for that device's token alone.", "Use the key that was issued for this device, or the site's own.";
    UnknownApp => 400, "Invalid application name", "unknown_app",
        "No app of this name is served here.", "Set Moodle's \"Airnotifier app name\" to the name shown with the access key.";
    TooFast => 429, "Too many requests", "rate_limited",
        "The site sends faster than its limit.", "Wait as long as Retry-After says. If your site regularly needs more, ask the hub's team.";
    OverQuota => 429, "Daily quota used up", "quota_exceeded",
        "The site has used up its pushes for today.", "Another day's quota begins at midnight UTC. If your site regularly needs more, ask the hub's team.";
    BadBody => 400, "Invalid request body", "invalid_body",
        "The body of the request can't be read as it should be; \"field\" and \"detail\" say which part of it.", "Correct the sender.";
    BodyTooLarge => 413, "Request body too large", "body_too_large",
        "The body of the request is larger than the hub takes in.", "Send less.";
    PayloadTooLarge => 413, "Payload too large", "payload_too_large",
        "What would go out to the phone is larger than the gateways carry.", "Shorten the message or its data.";
    InvalidToken => 400, "Invalid token", "invalid_token",
        "This is no device token.", "Nothing is to be done if this is the answer to Moodle's check: it means that the key is good.";
    Unregistered => 404, "Unregistered token", "unregistered_token",
        "The phone's token is no longer registered: the app was removed, or has another token now.", "Forget this device; the app registers again by itself.";
    UnknownDevice => 400, "Unknown token", "unknown_token",
        "This site has not enrolled this device, and the hub does not take pushes to unknown ones.", "Enrol the device first.";
    TrialFull => 403, "Trial is limited", "trial_full",
        "A site that is not verified yet can enrol a few devices only.", "Verify the site on its page.";
    Flood => 429, "Too many requests to this device", "device_rate_limited",
        "One device gets more pushes a minute than it may.", "Wait as long as Retry-After says.";
    Rejected => 400, "Gateway rejected the notification", "gateway_rejected",
        "The gateway refused this one message; others may pass.", "Look at what is in the message; the device's token may also be malformed.";
    GatewayDown => 503, "Push gateway unavailable", "gateway_unavailable",
        "The gateway behind the hub does not take pushes at the moment.", "Try again after Retry-After. The hub's team sees this too.";
    GatewaySlow => 503, "Push gateway did not answer in time", "gateway_timeout",
        "The gateway behind the hub did not answer in time. The push may have been delivered all the same.", "Try again after Retry-After.";
    Busy => 503, "Hub is busy", "busy",
        "The hub can't take more at the moment.", "Try again after Retry-After.";
}

impl RefusalKind {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        // Rows stand in the order of the enum, from which they are made.
        &REFUSALS[self as usize]
    }
}

/// A refusal, with what its answer says beyond the row.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// The limit that was hit, for the `RateLimit` fields.
    pub standing: Option<Standing>,
    pub retry_after: Option<Duration>,
    /// The part of the request that is wrong, and how.
    pub detail: Option<Box<(&'static str, String)>>,
    /// The site that is refused, where its own page says more than the help page.
    pub site: Option<SiteId>,
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Self { kind, standing: None, retry_after: None, detail: None, site: None }
    }
}

impl Refusal {
    /// The one refusal on which Moodle deletes a user's device: it takes a gateway's word.
    pub fn gone(_witness: Gone) -> Self {
        RefusalKind::Unregistered.into()
    }

    pub fn limited(kind: RefusalKind, standing: Standing) -> Self {
        Self { standing: Some(standing), retry_after: Some(standing.retry_after), ..kind.into() }
    }

    pub fn later(kind: RefusalKind, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..kind.into() }
    }

    pub fn of_field(kind: RefusalKind, field: &'static str, words: impl Into<String>) -> Self {
        Self { detail: Some(Box::new((field, words.into()))), ..kind.into() }
    }

    /// The site is suspended.
    pub fn suspended(site: SiteId) -> Self {
        Self { site: Some(site), ..RefusalKind::SiteSuspended.into() }
    }

    /// The path of the page that says what to do.
    pub fn help_path(&self) -> String {
        match self.site {
            Some(site) => format!("/my/sites/{site}/appeal"),
            None => format!("/help#{}", self.kind.row().code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_order_and_codes_are_used_once() {
        let mut codes = std::collections::HashSet::new();
        for (index, row) in REFUSALS.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
            assert_eq!(row.kind.row(), row);
            assert!(codes.insert(row.code), "{}", row.code);
            assert!((400..600).contains(&row.status) && row.status != 500);
        }
    }

    /// Moodle deletes a user's device on 404 with exactly these words (`wire/moodle-client.md` 5.2).
    #[test]
    fn only_one_refusal_is_a_404() {
        let gone: Vec<_> =
            REFUSALS.iter().filter(|row| row.status == 404 || row.words == "Unregistered token").map(|row| row.kind).collect();
        assert_eq!(gone, [RefusalKind::Unregistered]);
    }
}
