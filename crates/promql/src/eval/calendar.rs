//! Parts of dates and times in UTC, for every number of seconds that fits into 64 bits.
//!
//! Not for people: years go far beyond four digits, as in Go, whose `time` package is matched.
//!
//! **Invariant:** no number makes it fail.

/// A date of the Gregorian calendar.
struct Date {
    year: i128,
    /// From 1.
    month: u8,
    /// From 1.
    day: u8,
}

/// Days from Go's earliest date, a first of March, to 1970.
const EARLIEST: i128 = 730_692_556 * 146_097 + 306 - 719_162;
const DAY: u64 = 86_400;

/// Seconds without their fraction. What does not fit, and NaN, is what x86 makes of it.
pub(crate) fn whole_seconds(seconds: f64) -> i64 {
    let fits = seconds >= i64::MIN as f64 && seconds < i64::MAX as f64;
    if fits { seconds as i64 } else { i64::MIN }
}

/// Seconds since the earliest date, wrapping where 64 bits end.
fn since_earliest(seconds: i64) -> u64 {
    (seconds as u64).wrapping_add((EARLIEST as u64).wrapping_mul(DAY))
}

/// Days since 1970.
fn days(seconds: i64) -> i128 {
    i128::from(since_earliest(seconds) / DAY) - EARLIEST
}

fn date(seconds: i64) -> Date {
    // Counted from a first of March in a year that begins a cycle of 400.
    let days = days(seconds) + 719_468;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + i128::from(month <= 2);
    Date { year, month: month as u8, day: day as u8 }
}

impl Date {
    fn is_leap(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(&self) -> u8 {
        match self.month {
            2 => 28 + u8::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> u16 {
        const BEFORE: [u16; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap = u16::from(self.month > 2 && self.is_leap());
        BEFORE[usize::from(self.month - 1)] + u16::from(self.day) + leap
    }
}

/// The function of that name, from seconds since 1970.
pub(crate) fn part(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "year" => |s| date(s).year as f64,
        "month" => |s| f64::from(date(s).month),
        "day_of_month" => |s| f64::from(date(s).day),
        "day_of_week" => |s| (days(s) + 4).rem_euclid(7) as f64,
        "day_of_year" => |s| f64::from(date(s).day_of_year()),
        "days_in_month" => |s| f64::from(date(s).days_in_month()),
        "hour" => |s| (since_earliest(s) % DAY / 3600) as f64,
        "minute" => |s| (since_earliest(s) % 3600 / 60) as f64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let parts = |seconds: i64| {
            let date = date(seconds);
            (date.year, date.month, date.day, date.day_of_year(), (days(seconds) + 4).rem_euclid(7))
        };
        assert_eq!(parts(0), (1970, 1, 1, 1, 4));
        assert_eq!(parts(951_782_400), (2000, 2, 29, 60, 2));
        assert_eq!(parts(-1), (1969, 12, 31, 365, 3));
        assert_eq!(parts(4_107_542_400), (2100, 3, 1, 60, 1));
    }
}
