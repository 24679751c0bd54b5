//! A site: its URL, its states and what leads from one to the next, and what crossing the user limit does.
//! What proves ownership is found out in `proof`; keys and devices have rooms of their own.

mod brakes;
pub mod attention;
mod acts;
mod life;
mod listing;
mod model;
mod newcomers;
mod saved;
mod store;
mod terms;
mod url;

pub use acts::{Act, Became, Order, Words, as_seen, notify};
pub use brakes::{Brake, brake, brake_of, brakes_now, ended_brakes, release, stop_push};
pub use life::{
    Proved, add, apply_user_limit, apply_user_limit_to_all, change, confirm_mail, end_grace, forget_registered, hold, leave, lift,
    lift_quietly, prove, register, set_binding, suspend, suspend_quietly, tell, tell_them, unregister, whom_to_tell,
};
pub use listing::{
    COUNTED, Day, Filter, HeldIs, Listing, Place, ProofIs, PushIs, Sort, count, forget_words, ids, list, looks_secret, page_after,
};
pub use model::{
    Beside, Country, Description, Language, NewClaim, NewSite, Privacy, ProofKind, PushOff, Said, Site, SiteChange, SiteError, SiteName,
    SiteState, Switch, Users,
};
pub use newcomers::{
    Decision, adopt, claim, come_back, drop_crowd, drop_unheard, erase_contacts, join, note_told, refuse, separate, set_pairing, take_up,
};
pub use saved::{MOST_VIEWS, NewView, View, ViewName, drop_view, save_view, views_of};
pub use store::{all_of_account, forget_contact, forget_owner};
pub use store::{
    at_address, binding, count_active, count_all, count_held_beside, find, find_all, ids_after, naming, newcomers, of_account, owned_among,
    owned_by, pending, rivals, users_of,
};
pub use terms::{Special, Terms, all_special, max_users, set_terms, special, terms};
pub use url::SiteUrl;
