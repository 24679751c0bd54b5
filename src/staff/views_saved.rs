//! Lists of sites that members of the team keep.

use actix_web::Either;
use actix_web::web::{Data, Path};

use super::site_list::{self, Asked, Keeping};
use super::sites::Answer;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::ViewId;
use crate::sites::{self, NewView, ViewName};
use crate::visit::{Posted, Staff};
use crate::web::{Fields, Redirect};

fn list(query: &str) -> String {
    if query.is_empty() { "/staff/sites".to_owned() } else { format!("/staff/sites?{query}") }
}

/// The list again, with what is wrong with its name.
async fn again(hub: &Hub, staff: &Staff, asked: Asked, fields: &Fields, errors: &FieldErrors) -> Result<Answer, Error> {
    let keeping = Keeping { name: fields.field("name", errors), shared: fields.check("shared", errors) };
    site_list::page(hub, staff, asked, Some(keeping)).await.map(Either::Left)
}

/// `POST /staff/sites/views`: keeps a list under a name.
pub async fn save(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Answer, Error> {
    let asked = Asked::from_query(fields.text("query"));
    let mut errors = FieldErrors::default();
    let Some(name) = fields.read("name", &mut errors, ViewName::parse) else {
        return again(&hub, &staff, asked, &fields, &errors).await;
    };
    let mut listing = asked.listing.clone();
    listing.after = None;
    let (now, account, query) = (hub.clock.now(), staff.account.id, listing.query());
    let new = NewView { name, listing, shared: fields.on("shared") };
    match hub.db.write(move |tx| sites::save_view(tx, now, account, &new)).await {
        Ok(_) => Ok(Either::Right(Redirect::to(list(&query)).flash("ok", "The list is kept. You find it above the table."))),
        Err(Error::Invalid(errors)) => again(&hub, &staff, asked, &fields, &errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /staff/sites/views/{view}/delete`: forgets one of one's own.
pub async fn delete(hub: Data<Hub>, staff: Staff, view: Path<ViewId>, _: Posted) -> Result<Redirect, Error> {
    let (account, view) = (staff.account.id, view.into_inner());
    let deleted = hub.db.write(move |tx| sites::drop_view(tx, account, view)).await?;
    if !deleted {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to("/staff/sites").flash("ok", "The list is forgotten. The sites are as they were."))
}
