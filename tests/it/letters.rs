//! What people read in their mail.

use belfry::mail::Letter;
use belfry::mail::{
    AccountExists, Confirm, Decided, Joined, KeyEnding, KeyLeaked, KeyOld, KeyRequested, KeyRevoked, Lifted, MoodleRegistered, Newcomer,
    PasswordChanged, PushEnding, PushOff, PushOn, Reset, Suspended, UrlContested, UrlFree, UrlLost, Verified,
};

#[test]
fn letters_read_well() {
    let s = |text: &str| text.to_owned();
    let (hub, name) = (|| s("Example Hub"), || s("Ada"));
    let (site, url, link) = (|| s("Example School"), || s("https://moodle.school.example"), || s("https://hub.example/my/sites/1"));
    let letters: [Box<dyn Letter>; 22] = [
        Box::new(Confirm {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            link: s("https://hub.example/register/confirm?token=x"),
            hours: 48,
        }),
        Box::new(Reset { hub: hub(), name: name(), link: s("https://hub.example/password/reset?token=x"), hours: 2 }),
        Box::new(AccountExists {
            hub: hub(),
            name: name(),
            link_login: s("https://hub.example/login"),
            link_reset: s("https://hub.example/password/forgot"),
        }),
        Box::new(PushOff { hub: hub(), name: name(), site_name: site(), site_url: url(), users: 21_000, max_users: 20_000, link: link() }),
        Box::new(PushEnding {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            users: 21_000,
            max_users: 20_000,
            until: s("2 December 2026, 09:00 UTC"),
            link: link(),
        }),
        Box::new(PushOn { hub: hub(), name: name(), site_name: site(), site_url: url(), link: link() }),
        Box::new(Suspended { hub: hub(), name: name(), site_name: site(), site_url: url(), reason: s("Floods one phone"), link: link() }),
        Box::new(Lifted { hub: hub(), name: name(), site_name: site(), site_url: url(), reason: s("Mended"), link: link() }),
        Box::new(Verified {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            how: s("by the tag on its front page"),
            link: link(),
        }),
        Box::new(UrlContested { hub: hub(), name: name(), site_name: site(), site_url: url(), link: link() }),
        Box::new(UrlLost { hub: hub(), name: name(), site_name: site(), site_url: url(), link: link() }),
        Box::new(UrlFree { hub: hub(), name: name(), site_name: site(), site_url: url(), link: link() }),
        Box::new(MoodleRegistered {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            link: s("https://hub.example/register/confirm?token=x"),
            days: 14,
            held: false,
        }),
        Box::new(Newcomer {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            newcomer_url: s("https://test.school.example"),
            same_address: false,
            may_decide: true,
            link: link(),
        }),
        Box::new(KeyEnding {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            prefix: s("belfry_s_abcdef"),
            until: s("2 December 2026, 09:00 UTC"),
            network: s("203.0.113.0/24"),
            link: link(),
        }),
        Box::new(KeyOld {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            prefix: s("belfry_s_abcdef"),
            since: s("2 December 2025, 09:00 UTC"),
            link: link(),
        }),
        Box::new(KeyRevoked {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            prefix: s("belfry_s_abcdef"),
            reason: s("Found in a paste"),
            link: link(),
        }),
        Box::new(KeyLeaked {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            prefix: s("belfry_s_abcdef"),
            place: s("https://code.example/config.php"),
            link: link(),
        }),
        Box::new(KeyRequested {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            until: s("2 Dec 2026, 12:00 UTC"),
            link: link(),
        }),
        Box::new(Joined { hub: hub(), name: name(), site_name: site(), site_url: url(), link: link() }),
        Box::new(Decided {
            hub: hub(),
            name: name(),
            site_name: site(),
            site_url: url(),
            outcome: s("it is a site of its own"),
            link: link(),
        }),
        Box::new(PasswordChanged { hub: hub(), name: name(), link_reset: s("https://hub.example/password/forgot") }),
    ];
    for letter in letters {
        let text = letter.render().unwrap();
        insta::assert_snapshot!(format!("letter_{}", letter.kind()), format!("Subject: {}\n\n{}", text.subject, text.text));
        assert!(text.html.contains("https://hub.example/"), "{}", letter.kind());
    }
}
