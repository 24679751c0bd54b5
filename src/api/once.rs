//! Acts that are done once, however often they are asked for: `Idempotency-Key`.

use std::future::Future;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::auth::{APP_NAME, Caller};
use super::problem::Problem;
use crate::db::Tx;
use crate::hub::Hub;
use crate::idempotency::{self, Answer, Named, Seen};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest name that a client may give a request.
pub(super) const LONGEST_KEY: usize = 255;

/// A request that wants something done.
pub(super) struct Call<'a> {
    pub hub: &'a Data<Hub>,
    pub req: &'a HttpRequest,
    pub caller: &'a Caller,
    pub body: &'a [u8],
}

impl Call<'_> {
    /// What the client has named it by, if anything.
    fn named(&self) -> Result<Option<Named>, Problem> {
        let mut keys = self.req.headers().get_all(IDEMPOTENCY_KEY);
        let Some(key) = keys.next() else { return Ok(None) };
        let text = key.to_str().ok().filter(|text| (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()));
        let (Some(text), None) = (text, keys.next()) else {
            let words = format!("Idempotency-Key is sent once, with 1 to {LONGEST_KEY} visible ASCII characters.");
            return Err(Problem::unreadable(words).coded("invalid_idempotency_key"));
        };
        let (method, path, query) = (self.req.method().as_str(), self.req.path(), self.req.query_string());
        // For another app it is another request.
        let app = self.req.headers().get(APP_NAME).map_or(&b""[..], |name| name.as_bytes());
        let request = [method.as_bytes(), path.as_bytes(), query.as_bytes(), app, self.body];
        Ok(Some(Named::new(&self.hub.ring, self.caller.site(), text, &request)))
    }

    /// Does what is one transaction. Its answer is kept in the same one, so that a repetition finds either both or neither.
    pub async fn write(&self, work: impl Fn(&mut Tx) -> Result<Answer, Problem> + Send + 'static) -> Result<HttpResponse, Problem> {
        let Some(named) = self.named()? else { return Ok(shown(self.hub.db.write(work).await?, false)) };
        let (ring, now) = (self.hub.ring.clone(), self.hub.clock.now());
        let done = self.hub.db.write(move |tx| {
            tx.alone()?;
            if let Some(answer) = known(idempotency::begin(tx, &ring, now, &named)?)? {
                return Ok((answer, true));
            }
            // A refusal undoes the whole transaction, and with it that the request was begun.
            let answer = work(tx)?;
            idempotency::finish(tx, &ring, &named, &answer)?;
            Ok::<_, Problem>((answer, false))
        });
        let (answer, replayed) = done.await?;
        Ok(shown(answer, replayed))
    }

    /// Does what is more than one transaction: noted before, its answer kept after. If it breaks off in between, a repetition
    /// is told that nobody knows what became of it.
    pub async fn run(&self, work: impl Future<Output = Result<Answer, Problem>>) -> Result<HttpResponse, Problem> {
        let Some(named) = self.named()? else { return Ok(shown(work.await?, false)) };
        let (ring, now) = (self.hub.ring.clone(), self.hub.clock.now());
        let begun = self.hub.db.write(move |tx| known(idempotency::begin(tx, &ring, now, &named)?));
        if let Some(answer) = begun.await? {
            return Ok(shown(answer, true));
        }
        let done = work.await;
        let (ring, kept) = (self.hub.ring.clone(), done.as_ref().ok().cloned());
        let written = self.hub.db.write(move |tx| match &kept {
            Some(answer) => idempotency::finish(tx, &ring, &named, answer),
            None => idempotency::forget(tx, &named),
        });
        if let Err(fault) = written.await {
            tracing::warn!(error = %fault, "an answer could not be kept for its repetition");
        }
        Ok(shown(done?, false))
    }
}

/// The answer that was given before, or none: then it is to be done now.
fn known(seen: Seen) -> Result<Option<Answer>, Problem> {
    let conflict = |code, words: &str| Err(Problem::new(StatusCode::CONFLICT, code, "Not done", words));
    match seen {
        Seen::New => Ok(None),
        Seen::Answered(answer) => Ok(Some(answer)),
        Seen::OtherRequest => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "The Idempotency-Key was used before",
            "Another request had the same Idempotency-Key within 24 hours. Give each request one of its own.",
        )),
        Seen::InProgress => conflict("idempotency_in_progress", "The same request is being served. Ask again in a moment."),
        Seen::OutcomeUnknown => conflict(
            "idempotency_outcome_unknown",
            "The same request has begun before and broke off: some of it may have been done. Look what was, and go on with a new key.",
        ),
    }
}

fn shown(answer: Answer, replayed: bool) -> HttpResponse {
    // Written from a status by this program.
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status).content_type("application/json").body(answer.body);
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
