use super::*;

#[test]
fn what_can_be_shown_is_taken_and_all_else_names_its_field() {
    for body in [
        r#"{"alert":"To all"}"#,
        r#"{"alert":{"title":"T","body":"B"},"channel":"news","device":"Android-fcm"}"#,
        r#"{"alert":{"title":"T"}}"#,
        r#"{"alert":{"en":"Hello","es":{"title":"Hola","body":"a todos"}}}"#,
        r#"{"alert":"x","extra":{"processor":"moodle","notification":1},"sound":"default","badge":1}"#,
    ] {
        assert!(parse(body.as_bytes()).is_ok(), "{body}");
    }
    for (body, field) in [
        ("{", "body"),
        ("[]", "body"),
        ("{}", "alert"),
        (r#"{"alert":null}"#, "alert"),
        (r#"{"alert":7}"#, "alert"),
        (r#"{"alert":" "}"#, "alert"),
        (r#"{"alert":{}}"#, "alert"),
        (r#"{"alert":{"title":""}}"#, "alert"),
        (r#"{"alert":{"title":5}}"#, "alert"),
        (r#"{"alert":{"en":"Hello","es":""}}"#, "alert"),
        (r#"{"alert":{"en":"Hello","es":{"image":"x"}}}"#, "alert"),
        (r#"{"alert":"x","device":"pigeon"}"#, "device"),
        (r#"{"alert":"x","channel":"a b"}"#, "channel"),
        (r#"{"alert":"x","extra":{"processor":"other"}}"#, "extra.processor"),
        (r#"{"alert":"x","extra":{"processor":"moodle","encrypted":1}}"#, "extra.encrypted"),
    ] {
        assert_eq!(parse(body.as_bytes()).map_err(|(field, _)| field).unwrap_err(), field, "{body}");
    }
    let many: Vec<String> = (0..201).map(|n| format!("\"en_{n}\":\"x\"")).collect();
    assert!(parse(format!("{{\"alert\":{{{}}}}}", many.join(",")).as_bytes()).is_err());
}

#[test]
fn a_draft_knows_for_whom_it_is_and_shows_nothing_of_what_it_says() {
    let draft = parse(br#"{"alert":"secret","channel":"news","device":"iOS-fcm"}"#).unwrap();
    assert_eq!((draft.channel.as_deref(), draft.platform.as_deref()), (Some("news"), Some("ios-fcm")));
    assert!(!format!("{draft:?}").contains("secret"));
    let to_all = parse(br#"{"alert":"x","channel":""}"#).unwrap();
    assert_eq!((to_all.channel, to_all.platform), (None, None));
}

#[test]
fn the_largest_language_counts() {
    let draft = parse(format!(r#"{{"alert":{{"en":{{"body":"short"}},"es":{{"body":"{}"}}}}}}"#, "x".repeat(5_000)).as_bytes()).unwrap();
    assert!(draft.fits(4_096).is_err() && draft.fits(6_000).is_ok());
    // Plain text is shortened, as that of a push.
    assert!(parse(format!(r#"{{"alert":"{}"}}"#, "x".repeat(5_000)).as_bytes()).unwrap().fits(4_096).is_ok());
}

#[test]
fn the_pace_is_kept_and_little_of_a_delay_is_made_up_for() {
    let pace = |n| NonZeroU32::new(n).unwrap();
    assert_eq!([1, 3, 4, 20, 40, 400].map(|n| together(pace(n))), [1, 1, 1, 5, 10, 10]);
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let millis = |n| Duration::from_millis(n);
    assert_eq!(due_after(now, now, 5, pace(20)), now + millis(250));
    assert_eq!(due_after(now - millis(200), now, 5, pace(20)), now + millis(50));
    assert_eq!(due_after(now - millis(3_600_000), now, 5, pace(20)), now - millis(750));
}

#[test]
fn what_had_no_quota_is_not_lost_and_what_was_refused_is_not_repeated() {
    use RefusalKind::{Busy, Flood, GatewayDown, GatewaySlow, OverQuota, UnknownDevice};
    let rows = [
        (vec![None, None], (2, 0, 0, false, false)),
        (vec![None, Some(Flood)], (1, 1, 0, false, false)),
        (vec![None, Some(OverQuota), Some(OverQuota)], (1, 0, 2, true, false)),
        (vec![Some(OverQuota), None], (1, 1, 0, false, false)),
        (vec![Some(OverQuota)], (0, 0, 1, true, false)),
        (vec![Some(GatewayDown), Some(GatewayDown)], (0, 2, 0, false, true)),
        (vec![Some(UnknownDevice), Some(GatewaySlow)], (0, 2, 0, false, true)),
        (vec![None, Some(Busy)], (1, 0, 1, false, false)),
        (vec![Some(Busy), Some(OverQuota)], (0, 0, 2, true, false)),
        (vec![Some(GatewayDown), None], (1, 1, 0, false, false)),
    ];
    for (refusals, (sent, refused, unreached, over_quota, down)) in rows {
        assert_eq!(Outcome::of(&refusals), Outcome { sent, refused, unreached, over_quota, down }, "{refusals:?}");
    }
}

#[test]
fn a_gateway_is_waited_for_a_while_and_a_quota_until_tomorrow() {
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let well = Outcome { sent: 1, refused: 0, unreached: 0, over_quota: false, down: false };
    assert_eq!(well.next(Some(NO_QUOTA), now), Next::Goes);
    let over = Outcome { unreached: 1, over_quota: true, ..well };
    assert_eq!(over.next(None, now), Next::Waits { until: "2026-02-01T00:00:00Z".parse().unwrap(), why: NO_QUOTA.to_owned() });
    let down = Outcome { sent: 0, refused: 1, unreached: 0, over_quota: false, down: true };
    let busy = Outcome { unreached: 1, ..well };
    assert!(matches!(busy.next(None, now), Next::Waits { until, .. } if until == now + BUSY));
    let mut before = None;
    for _ in 1..MOST_DOWN {
        match down.next(before.as_deref(), now) {
            Next::Waits { until, why } if until == now + REST => before = Some(why),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(down.next(before.as_deref(), now), Next::Fails { .. }));
    assert!(matches!(down.next(Some(NO_QUOTA), now), Next::Waits { .. }), "another why begins anew");
}
