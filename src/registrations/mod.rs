//! Sites as their own Moodle registers them: the secret it is known by, the token it calls with, what it tells of itself,
//! and whether a newcomer is a known site, a copy of one, or another one at its address. What becomes of a site is for
//! `sites`; the words of the protocol are for the outer room `moodle`.

mod contact;
mod figures;
mod life;
mod model;
mod plugins;
mod report;
mod secret;
mod store;

pub use contact::{tell_contact, tell_of_key, tell_of_newcomer};
pub use figures::{FIELDS, Field, Figure, Group, Kind, Row, shown};
pub use life::{
    Call, Claim, Office, Told, Verdict, authenticate, by_siteid, claim, decide, drop_unheard, forget_all, is_registered, meets, pair,
    report, trim, unregister,
};
pub use life::{DAYS_KEPT, MONTHS_KEPT};
pub use model::{Meets, Registration, Signature, UnknownToken};
pub use plugins::{AiUse, PluginKind, Plugins, shown_ai, shown_plugins};
pub use report::{Identity, Report};
pub use secret::{HubToken, Prints, SiteSecret, Siteid};
pub use store::{HistoryRow, PluginRow, erase_alerts_to, history, latest, latest_plugins, moved_hub, of_site};
pub use store::{erase_persons, plugins_after, reports_after};
