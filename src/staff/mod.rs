//! Pages for the hub team: `/staff`.

pub mod abuse;
pub mod case;
pub mod case_acts;
mod case_mail;
pub mod case_new;
pub mod accounts;
pub mod audit;
pub mod audit_file;
pub mod gateways;
pub mod bulk;
pub mod home;
pub mod jobs;
pub mod keys;
pub mod limits;
mod needs;
pub mod outbox;
pub mod settings;
mod site_cases;
pub mod search;
mod site_figures;
pub mod site_file;
pub mod site_list;
pub mod privacy;
pub mod sites;
pub mod views_saved;
