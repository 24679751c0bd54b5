//! What people read in their mail, in each language that letters speak.

use std::fmt::Write;

use belfry::mail::{
    self, AccountErased, AccountExists, AppealArrived, CaseAnswered, CaseFacts, CaseLetter, CaseOpened, CaseStep, Confirm, Decided, Desk,
    FactorChanged, Joined, KeyEnding, KeyLeaked, KeyOld, KeyRequested, KeyRevoked, Language, Letter, Lifted, MoodleRegistered, NewLogin,
    Newcomer, Notice, PasswordChanged, PushEnding, PushOff, PushOn, Reset, RoleChanged, Sign, StaffInvited, Suspended, Topic, UrlContested,
    UrlFree, UrlLost, Verified,
};

/// One letter of each kind, and of those that say different things one of each. `field` gives what stands in the field of a
/// name, from what would read well there.
pub fn letters(field: &dyn Fn(&str, &str) -> String) -> Vec<Box<dyn Letter>> {
    let mut letters = of_accounts(field);
    letters.extend(of_sites(field));
    letters.extend(of_keys(field));
    letters.extend(of_cases(field));
    letters
}

const LINK: &str = "https://hub.example/my/sites/1";

/// Fields that most letters have, and then its own.
macro_rules! letter {
    ($field:ident, $name:ident { $($own:ident: $value:expr),* } $($common:ident)*) => {
        Box::new($name { $($own: $value,)* $($common: $field(stringify!($common), sample(stringify!($common))),)* })
    };
}

fn sample(name: &str) -> &'static str {
    match name {
        "hub" => "Example Hub",
        "name" => "Ada",
        "site_name" => "Example School",
        "site_url" => "https://moodle.school.example",
        "until" | "since" | "when" => "2 Dec 2026, 09:00 UTC",
        "prefix" => "belfry_s_abcdef",
        _ => LINK,
    }
}

fn of_accounts(f: &dyn Fn(&str, &str) -> String) -> Vec<Box<dyn Letter>> {
    let mut letters: Vec<Box<dyn Letter>> = vec![
        letter!(f, Confirm { hours: 48 } hub name site_name site_url link),
        letter!(f, Reset { hours: 2 } hub name link),
        letter!(f, AccountExists {} hub name link_login link_reset),
        letter!(f, PasswordChanged {} hub name link_reset),
        letter!(f, NewLogin { address: f("address", "203.0.113.7"), agent: f("agent", "Firefox on Linux") } hub name when link),
        letter!(f, AccountErased {} hub name),
    ];
    for what in ["totp_on", "totp_off", "passkey_added", "passkey_removed", "recovery_new", "recovery_used"] {
        letters.push(letter!(f, FactorChanged { what: f("what", what) } hub name link));
    }
    for role in ["admin", "reviewer", "analyst", "none"] {
        letters.push(letter!(f, RoleChanged { role: f("role", role) } hub name link));
    }
    for role in ["admin", "reviewer", "analyst"] {
        letters.push(letter!(f, StaffInvited { role: f("role", role), hours: 72 } hub name link));
    }
    letters
}

fn of_sites(f: &dyn Fn(&str, &str) -> String) -> Vec<Box<dyn Letter>> {
    let mut letters: Vec<Box<dyn Letter>> = vec![
        letter!(f, MoodleRegistered { days: 14, held: false } hub name site_name site_url link),
        letter!(f, MoodleRegistered { days: 1, held: true } hub name site_name site_url link),
        letter!(f, Joined {} hub name site_name site_url link),
        letter!(f, UrlContested {} hub name site_name site_url link),
        letter!(f, UrlLost {} hub name site_name site_url link),
        letter!(f, UrlFree {} hub name site_name site_url link),
        letter!(f, PushOff { users: 21_000, max_users: 20_000 } hub name site_name site_url link),
        letter!(f, PushEnding { users: 21_000, max_users: 20_000 } hub name site_name site_url until link),
        letter!(f, PushOn {} hub name site_name site_url link),
    ];
    for how in ["meta", "file", "dns", "call", "staff"] {
        letters.push(letter!(f, Verified { how: f("how", how) } hub name site_name site_url link));
    }
    for outcome in ["moved", "separate", "refused"] {
        letters.push(letter!(f, Decided { outcome: f("outcome", outcome) } hub name site_name site_url link));
    }
    for (same_address, may_decide) in [(false, true), (true, false)] {
        let newcomer_url = f("newcomer_url", "https://test.school.example");
        letters.push(letter!(f, Newcomer { newcomer_url: newcomer_url, same_address: same_address, may_decide: may_decide } hub name site_name site_url link));
    }
    letters
}

fn of_keys(f: &dyn Fn(&str, &str) -> String) -> Vec<Box<dyn Letter>> {
    vec![
        letter!(f, KeyRequested {} hub name site_name site_url until link),
        letter!(f, KeyEnding { network: f("network", "203.0.113.0/24") } hub name site_name site_url prefix until link),
        letter!(f, KeyEnding { network: String::new() } hub name site_name site_url prefix until link),
        letter!(f, KeyOld {} hub name site_name site_url prefix since link),
        letter!(f, KeyLeaked { place: f("place", "https://code.example/config.php") } hub name site_name site_url prefix link),
        letter!(f, KeyRevoked { reason: f("reason", "Found in a paste.\nAsk us.") } hub name site_name site_url prefix link),
    ]
}

fn of_cases(f: &dyn Fn(&str, &str) -> String) -> Vec<Box<dyn Letter>> {
    let words = || f("words", "It was a loop in our plugin.\nIt is mended.");
    let mut letters: Vec<Box<dyn Letter>> = vec![
        letter!(f, Suspended { reason: f("reason", "Floods one phone") } hub name site_name site_url link),
        letter!(f, Lifted { reason: f("reason", "Mended") } hub name site_name site_url link),
        letter!(f, CaseAnswered { number: 12, words: words() } hub name site_name site_url link),
        letter!(f, AppealArrived { number: 12, words: words() } hub site_name site_url link),
        letter!(f, Notice { subject: f("subject", "We move on Sunday"), body: f("body", "For an hour nothing arrives.\n\nNothing is lost.") } hub name site_name site_url link),
    ];
    for signal in SIGNALS {
        letters.push(letter!(f, CaseOpened { number: 12, signal: f("signal", signal) } hub site_name site_url link));
    }
    for step in CaseStep::ALL {
        let (subject, body) =
            (f("subject", "A subject of the team"), f("body", "The team writes.\nAnd goes on.\n\n- one\n- two\n\nThe end."));
        letters.push(letter!(f, CaseLetter { step: *step, number: 12, subject: subject, body: body } hub name site_name site_url link));
    }
    letters
}

const SIGNALS: [&str; 11] = [
    "rate_limited",
    "unregistered",
    "flood",
    "enrolments",
    "enrolments_by_push",
    "key_networks",
    "shared_token",
    "oversize",
    "beyond_users",
    "reported",
    "staff",
];

/// Marks that keep the direction of a name, made visible.
fn visible(text: &str) -> String {
    text.replace('\u{2068}', "⟨").replace('\u{2069}', "⟩").replace('\u{1}', "¦").replace('\u{a0}', "·")
}

fn read(language: Language) -> String {
    let mut all = String::new();
    for letter in letters(&|_, sample| sample.to_owned()) {
        let text = letter.render(language).unwrap();
        let rule = "=".repeat(72);
        write!(all, "{rule}\n{}: {}\n\n{}\n", letter.kind(), visible(&text.subject), visible(&text.text)).unwrap();
        assert!(!text.text.contains("\n\n\n"), "{language} {}: {}", letter.kind(), text.text);
        assert!(text.html.contains(&format!("<html lang=\"{language}\" dir=\"{}\">", language.direction())));
        assert!(letter.kind() == "account_erased" || text.html.contains("href=\"https://hub.example/"), "{}", letter.kind());
        // A link is followed by the end of its line, and by no mark.
        for line in text.text.lines().filter(|line| line.contains("hub.example")) {
            assert_eq!(line, LINK, "{language} {}", letter.kind());
        }
    }
    all
}

#[test]
fn letters_read_well_in_english() {
    insta::assert_snapshot!("letters_en", read(Language::English));
}

#[test]
fn letters_read_well_in_spanish() {
    insta::assert_snapshot!("letters_es", read(Language::Spanish));
}

#[test]
fn letters_read_well_in_french() {
    insta::assert_snapshot!("letters_fr", read(Language::French));
}

#[test]
fn letters_read_well_in_german() {
    insta::assert_snapshot!("letters_de", read(Language::German));
}

#[test]
fn letters_read_well_in_arabic() {
    insta::assert_snapshot!("letters_ar", read(Language::Arabic));
}

/// All parts that a letter can have, in both directions of writing.
#[test]
fn letters_look_well_in_both_directions() {
    let plain = |_: &str, sample: &str| sample.to_owned();
    for language in [Language::English, Language::Arabic] {
        let mut all = String::new();
        for letter in letters(&plain).iter().filter(|letter| ["key_old", "key_leaked", "case_warn"].contains(&letter.kind())) {
            all += &letter.render(language).unwrap().html;
        }
        insta::assert_snapshot!(format!("letters_html_{language}"), visible(&all));
    }
}

#[test]
fn every_letter_has_one_name_and_all_of_them_are_here() {
    let source = include_str!("../../src/mail/letters.rs");
    let kinds: Vec<&str> = letters(&|_, sample| sample.to_owned()).iter().map(|letter| letter.kind()).collect();
    // `Confirm "confirm" {`: a type begins with a capital at four spaces.
    let written = source.lines().filter_map(|line| line.strip_prefix("    ").filter(|rest| rest.starts_with(char::is_uppercase)));
    let written: Vec<&str> = written.filter_map(|line| line.split('"').nth(1)).collect();
    assert!(written.len() > 30, "{written:?}");
    for kind in written {
        assert!(kinds.contains(&kind), "{kind} is in no snapshot");
    }
}

fn facts(signals: &[&str]) -> CaseFacts {
    let signs = signals.iter().enumerate().map(|(n, signal)| Sign {
        signal: (*signal).to_owned(),
        amount: [12_400, 1, 2, 3, 11, 100][n % 6],
        threshold: 1_000,
        from: if n % 2 == 0 { "2 Dec 2026, 09:00 UTC".into() } else { String::new() },
        to: "2 Dec 2026, 10:00 UTC".into(),
    });
    CaseFacts {
        hub: "Example Hub".into(),
        site_name: "Example School".into(),
        site_url: "https://moodle.school.example".into(),
        reason: "One phone gets a push each second.".into(),
        until: Some("9 Dec 2026, 09:00 UTC".into()),
        signs: signs.collect(),
    }
}

#[test]
fn drafts_read_well_in_every_language() {
    for language in Language::ALL {
        let mut all = String::new();
        for step in CaseStep::ALL {
            let signals: &[&str] = if *step == CaseStep::Warn { &SIGNALS } else { &["flood"] };
            let draft = mail::draft(*step, language.as_str(), &facts(signals));
            write!(all, "{}\n{step}: {}\n\n{}\n\n", "=".repeat(72), visible(&draft.subject), visible(&draft.body)).unwrap();
        }
        insta::assert_snapshot!(format!("drafts_{language}"), all);
    }
}

/// What staff see in the box is what comes out of the letter, part by part.
#[test]
fn a_draft_becomes_the_letter_as_it_is() {
    let draft = mail::draft(CaseStep::Warn, "es_mx", &facts(&["flood", "reported"]));
    let letter = CaseLetter {
        step: CaseStep::Warn,
        hub: "Example Hub".into(),
        name: "Ada".into(),
        site_name: "Example School".into(),
        site_url: "https://moodle.school.example".into(),
        number: 12,
        subject: draft.subject.clone(),
        body: format!("{}\r\n\r\n<b>por favor</b>", draft.body.replace('\n', "\r\n")),
        link: "https://hub.example/my/sites/1/cases/12".into(),
    };
    let text = mail::preview("es_mx", &letter).unwrap();
    assert_eq!(text.subject, draft.subject);
    assert!(text.text.starts_with("Hola, Ada:\n\n") && text.text.contains(&draft.body), "{}", text.text);
    assert_eq!(text.html.matches("<li>").count(), 2);
    assert!(text.html.contains("&#60;b&#62;por favor") && text.html.contains("<html lang=\"es\""), "{}", text.html);
}

#[test]
fn a_draft_without_reason_or_end_or_evidence_says_nothing_of_them() {
    let bare = CaseFacts { reason: "  ".into(), until: None, signs: Vec::new(), ..facts(&[]) };
    for step in CaseStep::ALL {
        let body = mail::draft(*step, "en", &bare).body;
        assert!(
            !body.contains("team’s words") && !body.contains("by itself") && !body.contains("\n- ") && !body.contains("\n\n\n"),
            "{body}"
        );
    }
    let unknown = mail::draft(CaseStep::Warn, "en", &facts(&["unheard_of"]));
    assert!(unknown.body.contains("unheard_of: 12400"), "{}", unknown.body);
}

/// What somebody types stays what it is: no words of ours, no HTML, no header, no place of a secret.
#[test]
fn what_is_typed_does_nothing() {
    let place = Desk::new("Hub", "https://hub.example").secret_link("/x").split_once("token=").unwrap().1.to_owned();
    let attacks = [
        "{ $link } { hello } {\"x\"} { $hub -> *[other] x }",
        "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
        "x\r\nBcc: evil@example.com\r\n\r\nbody",
        "\u{202e}gnp.exe\u{2066}\u{2069}\u{2069} \u{2028}\u{2029}",
        place.as_str(),
        "%%SECRET%% {{ link }} {% raw %}",
    ];
    for attack in attacks {
        for language in Language::ALL {
            for letter in letters(&|name, _| if name.starts_with("link") { LINK.to_owned() } else { attack.to_owned() }) {
                let (kind, text) = (letter.kind(), letter.render(*language).unwrap());
                let parts = [&text.subject, &text.text, &text.html];
                assert!(!text.subject.contains(char::is_control) && !text.subject.is_empty(), "{kind} {attack}");
                assert!(!text.html.contains("<script") && !text.html.contains("<img"), "{kind} {attack}");
                assert!(parts.iter().all(|part| !part.contains(&place)), "{kind} {attack}");
                assert!(parts.iter().all(|part| !part.contains(['\r', '\u{202e}', '\u{2066}', '\u{2028}', '\u{2029}'])), "{kind} {attack}");
                let marks = |mark| text.text.matches(mark).count();
                assert_eq!(marks('\u{2068}'), marks('\u{2069}'), "{kind} {attack}");
                if attack.starts_with("{ $link }") && !kind.starts_with("case_") {
                    assert!(!text.subject.contains(LINK), "{kind}");
                }
                assert!(!text.text.lines().any(|line| line.starts_with("Bcc:")) || kind.starts_with("case_") || kind == "notice", "{kind}");
            }
        }
    }
}

#[test]
fn letters_that_must_come_have_no_topic() {
    let of = |topic| -> Vec<&'static str> {
        let mut kinds: Vec<_> =
            letters(&|_, sample| sample.to_owned()).iter().filter(|letter| letter.topic() == topic).map(|letter| letter.kind()).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(of(Some(Topic::Reminders)), ["key_old"]);
    assert_eq!(of(Some(Topic::Notices)), ["notice"]);
    assert_eq!(of(Some(Topic::Push)), ["push_on", "verified"]);
    let must = of(None);
    assert!(["confirm", "reset", "suspended", "case_suspend", "key_leaked", "new_login"].iter().all(|kind| must.contains(kind)));
    for letter in letters(&|_, sample| sample.to_owned()) {
        let says_how_to_stop = letter.render(Language::English).unwrap().text.contains("stop them here");
        assert_eq!(says_how_to_stop, letter.topic().is_some(), "{}", letter.kind());
    }
}
