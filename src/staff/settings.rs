use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::limits::reason;
use super::sites::Answer;
use crate::accounts::{self, Role};
use crate::audit::{self, About, Actor, Change, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::AccountId;
use crate::settings::live::{self, is_live};
use crate::settings::table::{self, KEYS};
use crate::settings::{Ground, NotTaken, Told};
use crate::visit::{Posted, Staff};
use crate::web::{self, Field, Fields, Page, Redirect, When};

/// A setting, as the page shows it.
struct SettingRow {
    name: String,
    meaning: &'static str,
    value: String,
    /// From where the value is.
    source: String,
    /// Who has changed it here, and when.
    changed: Option<(String, When)>,
    /// What it was without that.
    otherwise: String,
    /// Why what the team has said is passed over.
    passed_over: Option<String>,
    form: Option<Form>,
}

/// The form of a setting that may be changed here.
struct Form {
    value: Field,
    reason: Field,
    open: bool,
}

struct Section {
    name: &'static str,
    rows: Vec<SettingRow>,
}

#[derive(Template)]
#[template(path = "staff/settings.html")]
struct SettingsPage {
    page: Page,
    sections: Vec<Section>,
    may_change: bool,
    errors: Vec<(String, String)>,
}

/// A form that can't be taken as it is.
struct Refused {
    name: String,
    fields: Fields,
    errors: FieldErrors,
}

/// What is shown besides the settings of file and environment.
struct Now<'a> {
    ground: &'a Ground,
    told: &'a [Told],
    names: &'a HashMap<AccountId, String>,
    passed_over: &'a [(String, String)],
    refused: Option<&'a Refused>,
    may_change: bool,
}

/// A value as it is shown.
fn or_none(value: &str) -> String {
    if value.is_empty() { "–".to_owned() } else { value.to_owned() }
}

impl Now<'_> {
    fn row(&self, shown: &crate::settings::Shown, meaning: &'static str) -> SettingRow {
        let name = &shown.key;
        let told = self.told.iter().find(|one| one.name == *name);
        let passed_over = self.passed_over.iter().find(|(key, _)| key == name).map(|(_, words)| words.clone());
        let in_force = told.filter(|_| passed_over.is_none());
        let typed = self.ground.typed(name).map_or_else(|| shown.value.trim_matches('"').to_owned(), str::to_owned);
        let by = |told: &Told| told.account.and_then(|id| self.names.get(&id).cloned()).unwrap_or_else(|| "the hub's team".to_owned());
        SettingRow {
            meaning,
            value: or_none(in_force.map_or(typed.as_str(), |told| told.value.as_str())),
            source: in_force.map_or_else(|| shown.source.clone(), |_| "changed by the team".to_owned()),
            changed: told.map(|told| (by(told), told.changed_at.into())),
            otherwise: format!("{} ({})", or_none(&typed), shown.source),
            passed_over,
            form: (self.may_change && is_live(name)).then(|| self.form(name, told.map_or(typed.as_str(), |told| told.value.as_str()))),
            name: name.clone(),
        }
    }

    fn form(&self, name: &str, value: &str) -> Form {
        match self.refused.filter(|refused| refused.name == name) {
            Some(refused) => Form {
                value: refused.fields.field("value", &refused.errors),
                reason: refused.fields.field("reason", &refused.errors),
                open: true,
            },
            None => Form { value: Field { value: value.to_owned(), error: None }, reason: Field::default(), open: false },
        }
    }

    /// By section, in the order of the table.
    fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for key in KEYS {
            let of_key = self.ground.shown().iter().filter(|shown| table::find(&shown.key).is_some_and(|found| found.name == key.name));
            let rows = of_key.map(|shown| self.row(shown, key.meaning));
            match sections.iter_mut().find(|section| section.name == key.section()) {
                Some(section) => section.rows.extend(rows),
                None => sections.push(Section { name: key.section(), rows: rows.collect() }),
            }
        }
        sections.retain(|section| !section.rows.is_empty());
        sections
    }
}

/// Who has changed them, by name.
fn names(conn: &mut Conn, told: &[Told]) -> Result<HashMap<AccountId, String>, Fault> {
    let mut names = HashMap::new();
    for id in told.iter().filter_map(|one| one.account) {
        if let Some(account) = accounts::find(conn, id)? {
            names.insert(id, account.name);
        }
    }
    Ok(names)
}

async fn page(hub: &Hub, staff: &Staff, refused: Option<&Refused>, status: StatusCode) -> Result<HttpResponse, Error> {
    let read = hub.db.read(|conn| {
        let told = live::told(conn)?;
        let names = names(conn, &told)?;
        Ok::<_, Error>((told, names))
    });
    let (told, names) = read.await?;
    let ground = hub.settings.ground();
    let passed_over: Vec<_> = ground.with(&told).1.into_iter().map(|complaint| (complaint.key, complaint.words)).collect();
    let may_change = staff.account.role.is_some_and(|role| role.may(Role::Admin));
    let now = Now { ground, told: &told, names: &names, passed_over: &passed_over, refused, may_change };
    let anchored = |refused: &Refused| {
        let id = |field: &str| format!("{field}-{}", refused.name);
        refused.errors.0.iter().map(|error| (id(error.field), error.words.clone())).collect()
    };
    let page = SettingsPage {
        page: staff.visit.page(hub),
        sections: now.sections(),
        may_change,
        errors: refused.map(anchored).unwrap_or_default(),
    };
    web::html(status, &page)
}

/// `GET /staff/settings`: what is in force, and where it comes from.
pub async fn show(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    page(&hub, &staff, None, StatusCode::OK).await
}

/// A change that an admin wants.
struct Wanted {
    name: String,
    /// Nothing: as file and environment say.
    value: Option<String>,
    reason: Reason,
    by: Actor,
    account: AccountId,
}

/// What became of it.
enum Done {
    /// The settings that the team has changed, as they are now.
    Changed(Vec<Told>),
    AsItWas,
    Refused(String),
}

impl Wanted {
    /// Makes the change in one transaction with its entry in the audit log.
    fn make(&self, tx: &mut Tx, ground: &Ground, now: Timestamp) -> Result<Done, Fault> {
        tx.alone()?;
        let told = live::told(tx.conn())?;
        let before = ground.value(&told, &self.name).to_owned();
        let known = told.iter().find(|one| one.name == self.name);
        let after = match &self.value {
            None if known.is_none() => return Ok(Done::AsItWas),
            None => {
                live::forget(tx, &self.name)?;
                ground.typed(&self.name).unwrap_or_default().to_owned()
            }
            Some(value) if known.is_some_and(|known| known.value == *value) => return Ok(Done::AsItWas),
            Some(value) => {
                if let Err(NotTaken::Value(words)) = ground.check(&told, &self.name, value) {
                    return Ok(Done::Refused(words));
                }
                let (name, value) = (self.name.clone(), value.clone());
                live::set(tx, &Told { name, value: value.clone(), changed_at: now, account: Some(self.account) })?;
                value
            }
        };
        let change = Change::of(&self.name, before, after);
        audit::note_change(tx, now, self.by, Event::SettingChanged, About::default(), Some(self.reason.as_str()), change)?;
        Ok(Done::Changed(live::told(tx.conn())?))
    }
}

/// `POST /staff/settings`: one setting, from now on, on every node; `reset` lets file and environment say again.
pub async fn change(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Answer, Error> {
    let name = fields.text("name").to_owned();
    if !is_live(&name) {
        return Err(Error::field("name", "There is no such setting, or it can't be changed while the hub runs."));
    }
    let mut errors = FieldErrors::default();
    let Some(why) = fields.read("reason", &mut errors, reason) else {
        let refused = Refused { name, fields, errors };
        return page(&hub, &staff, Some(&refused), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let value = (!fields.on("reset")).then(|| fields.text("value").trim().to_owned());
    let wanted = Wanted { name: name.clone(), value, reason: why, by: staff.actor(), account: staff.account.id };
    let (now, settings) = (hub.clock.now(), hub.settings.clone());
    let done = hub.db.write(move |tx| wanted.make(tx, settings.ground(), now)).await?;
    let to = Redirect::to("/staff/settings");
    match done {
        Done::Changed(told) => {
            take_up(&hub, &told).await?;
            Ok(Either::Right(to.flash("ok", &format!("Saved: {name} holds from now on. Other nodes follow within two seconds."))))
        }
        Done::AsItWas => Ok(Either::Right(to.flash("ok", &format!("{name} was so already.")))),
        Done::Refused(words) => {
            errors.add("value", words);
            let refused = Refused { name, fields, errors };
            page(&hub, &staff, Some(&refused), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left)
        }
    }
}

/// Takes the change up on this node. Sites that another user limit has moved past are told first, so that those that push
/// have their grace when it begins to count.
async fn take_up(hub: &Hub, told: &[Told]) -> Result<(), Error> {
    let max_users = hub.settings.ground().with(told).0.limits.max_site_users;
    if max_users != hub.limits().max_site_users
        && let Err(error) = hub.apply_user_limit(max_users).await
    {
        tracing::warn!(error = %error, "the user limit could not be applied to all sites; the job does the rest");
    }
    Ok(hub.follow_settings().await?)
}
