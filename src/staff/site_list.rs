//! The list of sites: what is asked for stands in its address, so that it can be kept and passed on.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::accounts::{self, Account, Role};
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::AccountId;
use crate::my::views;
use crate::sites::{self, COUNTED, HeldIs, Listing, ProofKind, PushIs, Site, SiteState, Sort, View};
use crate::visit::Staff;
use crate::web::{self, Badge, Check, Field, Fields, Opt, Page, When, filters, options};

/// How many sites a page lists.
const PAGE: usize = 50;

/// A site on a list.
pub struct SiteRow {
    pub id: String,
    pub name: String,
    pub url: String,
    pub owner: String,
    pub state: Badge,
    pub push: Badge,
    pub users: u64,
    pub created: When,
}

impl SiteRow {
    pub fn new(site: &Site, owner: Option<&Account>, max_users: u64) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.clone(),
            url: site.url.clone(),
            owner: match (owner, &site.contact_email) {
                (Some(account), _) => format!("{} <{}>", account.name, account.email),
                (None, Some(contact)) => contact.clone(),
                (None, None) => "–".to_owned(),
            },
            state: views::state_badge(site),
            push: views::push_badge(site, max_users),
            users: site.users(),
            created: site.created_at.into(),
        }
    }
}

/// Sites with the accounts that own them.
pub fn with_owners(conn: &mut Conn, sites: Vec<Site>) -> Result<Vec<(Site, Option<Account>)>, Fault> {
    let mut ids: Vec<AccountId> = sites.iter().filter_map(|site| site.account_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let owners = if ids.is_empty() { Vec::new() } else { accounts::find_all(conn, &ids)? };
    let owners: HashMap<AccountId, Account> = owners.into_iter().map(|account| (account.id, account)).collect();
    Ok(sites
        .into_iter()
        .map(|site| (site.account_id.and_then(|id| owners.get(&id).cloned()), site))
        .map(|(owner, site)| (site, owner))
        .collect())
}

/// What a list is asked for.
pub struct Asked {
    pub listing: Listing,
    fields: Fields,
    pub errors: FieldErrors,
}

impl Asked {
    pub fn of(req: &HttpRequest) -> Self {
        Self::from_query(req.query_string())
    }

    pub fn from_query(query: &str) -> Self {
        let fields = Fields::parse(query.as_bytes());
        let (listing, errors) = Listing::parse(&fields);
        Self { listing, fields, errors }
    }
}

/// A list of choices to filter by.
struct Choice {
    name: &'static str,
    label: &'static str,
    options: Vec<Opt>,
    error: Option<String>,
}

/// A field to filter by.
struct Typed {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    is_number: bool,
    field: Field,
}

struct Flag {
    name: &'static str,
    label: &'static str,
    on: bool,
}

/// The form of the filters, with what was typed.
struct Form {
    q: Field,
    first: Vec<Choice>,
    more: Vec<Choice>,
    typed: Vec<Typed>,
    flags: Vec<Flag>,
    /// One of those that are folded away is in use.
    is_open: bool,
}

const PUSHES: [(&str, &str); 8] = [
    ("", "On or off"),
    (PushIs::On.as_str(), "On"),
    (PushIs::Off.as_str(), "Off, for whatever reason"),
    (PushIs::OptedOut.as_str(), "Off: not wanted"),
    (PushIs::OverUserLimit.as_str(), "Off: too many users"),
    (PushIs::Suspended.as_str(), "Off: suspended"),
    (PushIs::Stopped.as_str(), "Off: by the hub's team"),
    (PushIs::Unverified.as_str(), "Off until verified"),
];
const PROOFS: [(&str, &str); 8] = [
    ("", "Proved or not"),
    ("any", "Proved"),
    ("none", "Not proved"),
    (ProofKind::Meta.as_str(), "By the tag on its front page"),
    (ProofKind::File.as_str(), "By the file on its server"),
    (ProofKind::Dns.as_str(), "By its DNS record"),
    (ProofKind::Call.as_str(), "By a call from its own server"),
    (ProofKind::Staff.as_str(), "By the hub's team"),
];
const HOLDS: [(&str, &str); 5] = [
    ("", "Held or not"),
    (HeldIs::Waiting.as_str(), "Held, waits for a decision"),
    (HeldIs::Refused.as_str(), "Held, turned away"),
    (HeldIs::Any.as_str(), "Held"),
    (HeldIs::No.as_str(), "Not held"),
];
const SORTS: [(&str, &str); 5] = [
    (Sort::Newest.as_str(), "Newest first"),
    (Sort::Oldest.as_str(), "Oldest first"),
    (Sort::Name.as_str(), "Name"),
    (Sort::MostUsers.as_str(), "Most users first"),
    (Sort::FewestUsers.as_str(), "Fewest users first"),
];
const STATES: [(&str, &str); 7] = [
    ("", "Any state"),
    (SiteState::Active.as_str(), "Active"),
    (SiteState::Claimed.as_str(), "On trial"),
    (SiteState::Unverified.as_str(), "Not verified"),
    (SiteState::Registered.as_str(), "Mail not confirmed"),
    (SiteState::Suspended.as_str(), "Suspended"),
    (SiteState::Unregistered.as_str(), "Unregistered"),
];

impl Form {
    fn new(asked: &Asked) -> Self {
        let choice = |name, label, all: &[(&str, &str)]| Choice {
            name,
            label,
            options: options(all.iter().copied(), asked.fields.text(name)),
            error: asked.errors.of(name),
        };
        let typed = |name, label, hint, is_number| Typed { name, label, hint, is_number, field: asked.fields.field(name, &asked.errors) };
        let flag = |name, label| Flag { name, label, on: asked.fields.on(name) };
        let more = vec![choice("proof", "Ownership", &PROOFS), choice("held", "Conflict", &HOLDS)];
        let typed = vec![
            typed("country", "Country", "Two letters, such as ES", false),
            typed("language", "Language", "A code, such as pt_br", false),
            typed("users_from", "Users from", "", true),
            typed("users_to", "Users to", "", true),
            typed("from", "Registered from", "A day such as 2026-01-31, or 7d", false),
            typed("to", "Registered to", "A day such as 2026-01-31", false),
        ];
        let flags = vec![
            flag("case", "Has an open case"),
            flag("over", "Over the user limit"),
            flag("never_called", "Its server never called"),
            flag("own_limits", "Has limits of its own"),
        ];
        let is_open = more.iter().any(|choice| !asked.fields.text(choice.name).is_empty())
            || typed.iter().any(|typed| !typed.field.value.is_empty())
            || flags.iter().any(|flag| flag.on);
        // What may be a key is not shown again.
        let q = if asked.errors.of("q").is_some() { Fields::emptied("q", &asked.errors) } else { asked.fields.field("q", &asked.errors) };
        let first = vec![choice("state", "State", &STATES), choice("push", "Push", &PUSHES), choice("sort", "Order", &SORTS)];
        Self { q, first, more, typed, flags, is_open }
    }
}

/// Lists that are always there.
const BUILT_IN: [(&str, &str); 5] = [
    ("Over the user limit", "over=1"),
    ("Conflicts", "held=waiting"),
    ("Suspended", "state=suspended"),
    ("New this week", "from=7d"),
    ("Never called", "never_called=1"),
];

/// A list that is kept.
struct ViewLink {
    /// Of one that the visitor may delete.
    own: Option<String>,
    name: String,
    query: String,
    shared: bool,
    current: bool,
}

fn view_links(kept: &[View], account: AccountId, here: &str) -> Vec<ViewLink> {
    let built_in = BUILT_IN.iter().map(|(name, query)| (None, (*name).to_owned(), (*query).to_owned(), false));
    let kept = kept.iter().map(|view| {
        let own = (view.account_id == account).then(|| view.id.to_string());
        (own, view.name.clone(), view.listing().query(), view.shared)
    });
    let link = |(own, name, query, shared): (_, _, String, _)| ViewLink { own, name, current: query == here, query, shared };
    built_in.chain(kept).map(link).collect()
}

/// The form by which a list is kept.
#[derive(Default)]
pub struct Keeping {
    pub name: Field,
    pub shared: Check,
}

#[derive(Template)]
#[template(path = "staff/sites.html")]
struct SitesPage {
    page: Page,
    form: Form,
    errors: Vec<(String, String)>,
    /// The address of this list, from its top.
    query: String,
    narrow: bool,
    views: Vec<ViewLink>,
    own_views: bool,
    keeping: Keeping,
    sites: Vec<SiteRow>,
    /// How many there are, in words.
    counted: String,
    /// As many as an act on all of them may be for.
    all: Option<usize>,
    acts: Vec<Opt>,
    next: Option<String>,
    is_top: bool,
    may_decide: bool,
}

/// The list, with what is wrong with the form by which it was to be kept, if that is why it is shown.
pub async fn page(hub: &Hub, staff: &Staff, asked: Asked, keeping: Option<Keeping>) -> Result<HttpResponse, Error> {
    let (listing, now, account) = (asked.listing.clone(), hub.clock.now(), staff.account.id);
    let read = hub.db.read(move |conn| {
        let counted = sites::count(conn, &listing.filter, now)?;
        let found = sites::page_after(conn, &listing, now, counted > COUNTED, PAGE as i64 + 1)?;
        Ok::<_, Error>((counted, with_owners(conn, found)?, sites::views_of(conn, account)?))
    });
    let (counted, mut found, kept) = read.await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let query = asked.listing.query();
    let mut errors = asked.errors.listed();
    let of_keeping = keeping.as_ref().and_then(|keeping| keeping.name.error.clone());
    errors.extend(of_keeping.map(|words| ("name".to_owned(), words)));
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let views = view_links(&kept, account, &query);
    let page = SitesPage {
        page: staff.visit.page(hub),
        form: Form::new(&asked),
        errors,
        narrow: asked.listing.is_narrow(),
        own_views: views.iter().any(|view| view.own.is_some()),
        views,
        keeping: keeping.unwrap_or_default(),
        sites: found.iter().map(|(site, owner)| SiteRow::new(site, owner.as_ref(), hub.max_users(site.id))).collect(),
        counted: counted_words(counted),
        all: (found.len()..=super::bulk::MOST).contains(&counted).then_some(counted),
        acts: super::bulk::acts(""),
        next: found.last().filter(|_| more).map(|(last, _)| asked.listing.query_behind(last)),
        is_top: asked.listing.after.is_none(),
        may_decide: staff.account.role.is_some_and(|role| role.may(Role::Reviewer)),
        query,
    };
    web::html(status, &page)
}

fn counted_words(counted: usize) -> String {
    match counted {
        0 => "No site".to_owned(),
        1 => "1 site".to_owned(),
        n if n > COUNTED => format!("More than {} sites", filters::with_commas(&COUNTED.to_string())),
        n => format!("{} sites", filters::with_commas(&n.to_string())),
    }
}

/// `GET /staff/sites`
pub async fn index(hub: Data<Hub>, staff: Staff, req: HttpRequest) -> Result<HttpResponse, Error> {
    page(&hub, &staff, Asked::of(&req), None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_can_be_asked_for_and_every_list_that_is_always_there() {
        for (name, all) in [
            ("state", STATES.as_slice()),
            ("push", PUSHES.as_slice()),
            ("proof", PROOFS.as_slice()),
            ("held", HOLDS.as_slice()),
            ("sort", SORTS.as_slice()),
        ] {
            for (value, _) in all {
                assert!(Asked::from_query(&format!("{name}={value}")).errors.is_empty(), "{name}={value}");
            }
        }
        assert_eq!((STATES.len(), PUSHES.len(), SORTS.len()), (SiteState::ALL.len() + 1, PushIs::ALL.len() + 1, Sort::ALL.len()));
        for (_, query) in BUILT_IN {
            assert_eq!(Asked::from_query(query).listing.query(), query);
        }
    }
}
