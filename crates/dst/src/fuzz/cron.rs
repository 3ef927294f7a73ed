//! Target: cron expressions. The next slot is later than now, the last one isn't, and both are found.

use chrono::{DateTime, Utc};
use chrono_tz::{America, Australia, Europe, Pacific, Tz};

use super::Input;
use bronzed_model::cron::Cron;

/// Time zones with clock changes of an hour, of half an hour, at midnight, by a whole day, and none.
const ZONES: [Tz; 6] = [
    America::Sao_Paulo,
    America::New_York,
    Europe::Lisbon,
    Australia::Lord_Howe,
    Pacific::Apia,
    Tz::UTC,
];

/// Input, one per line: time zone, Unix time in seconds, expression.
pub fn cron(input: &[u8]) {
    let mut input = Input::new(input);
    let zone = input.choice(&ZONES, |zone: Tz| zone.name().to_owned());
    // 1970 to 2200.
    let now = i64::try_from(input.number() % 7_258_118_400).unwrap();
    let now: DateTime<Utc> = DateTime::from_timestamp(now, 0).unwrap();
    let Ok(cron) = Cron::parse(&input.words(), zone) else {
        return;
    };
    let mut last = now;
    for _ in 0..8 {
        let Some(slot) = cron.next_after(last) else {
            panic!("{cron:?} has no slot after {last}");
        };
        assert!(slot.at > last, "{cron:?}: {slot:?} isn't after {last}");
        let found = cron.last_at_or_before(slot.at);
        assert_eq!(found, Some(slot), "{cron:?}: the last slot up to itself");
        let before = cron.last_at_or_before(slot.at - chrono::TimeDelta::seconds(1));
        assert!(before.is_none_or(|before| before.at < slot.at));
        if last != now {
            assert_eq!(
                before.map(|slot| slot.at),
                Some(last),
                "{cron:?}: skipped before {slot:?}"
            );
        }
        last = slot.at;
    }
    let slots = cron.slots(now, last).count();
    assert_eq!(slots, 8, "{cron:?}");
}
