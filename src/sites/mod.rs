//! A site: its URL, its states and what leads from one to the next, and what crossing the user limit does.
//! What proves ownership is found out in `proof`; keys and devices have rooms of their own.

mod life;
mod model;
mod store;
mod url;

pub use life::{Proved, add, apply_user_limit, change, confirm_mail, forget_registered, hold, lift, prove, register, suspend, unregister};
pub use model::{
    Country, Description, Language, NewSite, Privacy, ProofKind, PushOff, Site, SiteChange, SiteError, SiteName, SiteState, Users,
};
pub use store::{Filter, count_active, count_all, find, list, of_account, owned_by, pending, rivals};
pub use url::SiteUrl;
