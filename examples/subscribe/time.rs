//! The time of day in UTC, and strftime's letters for it.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment in UTC.
pub(crate) struct Time {
    pub(crate) seconds: u64,
    pub(crate) nanoseconds: u32,
    year: u64,
    /// From 1 on, as are the days of a month.
    month: u64,
    day: u64,
    /// From 0 on.
    day_of_year: u64,
}

impl Time {
    pub(crate) fn now() -> Time {
        // A clock that is set to before 1970 is taken to show its beginning.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::new(since.as_secs(), since.subsec_nanos())
    }

    fn new(seconds: u64, nanoseconds: u32) -> Time {
        let mut days = seconds / 86_400;
        let mut year = 1970;
        while days >= days_in(year) {
            days -= days_in(year);
            year += 1;
        }
        let (day_of_year, mut month) = (days, 1);
        while days >= days_of_month(year, month) {
            days -= days_of_month(year, month);
            month += 1;
        }
        Time { seconds, nanoseconds, year, month, day: days + 1, day_of_year }
    }

    /// 2016-08-10T09:47:38
    pub(crate) fn date_and_time(&self) -> String {
        format!("{}T{}", self.iso_date(), self.clock())
    }

    /// What strftime prints for `%` and this letter.
    pub(crate) fn strftime(&self, letter: char) -> String {
        let (hour, minute, second) = self.hms();
        let (month, day) = (name(&MONTHS, self.month - 1), name(&DAYS, self.weekday()));
        let short = |name: &str| name.get(..3).unwrap_or_default().to_owned();
        let (hour12, half) = ((hour + 11) % 12 + 1, if hour < 12 { "AM" } else { "PM" });
        match letter {
            'a' => short(day),
            'A' => day.to_owned(),
            'b' | 'h' => short(month),
            'B' => month.to_owned(),
            'c' => format!(
                "{} {} {:2} {} {}",
                short(day),
                short(month),
                self.day,
                self.clock(),
                self.year
            ),
            'C' => format!("{:02}", self.year / 100),
            'd' => format!("{:02}", self.day),
            'D' | 'x' => format!("{:02}/{:02}/{:02}", self.month, self.day, self.year % 100),
            'e' => format!("{:2}", self.day),
            'F' => self.iso_date(),
            'g' => format!("{:02}", self.iso_week().0 % 100),
            'G' => self.iso_week().0.to_string(),
            'H' => format!("{hour:02}"),
            'I' => format!("{hour12:02}"),
            'j' => format!("{:03}", self.day_of_year + 1),
            'k' => format!("{hour:2}"),
            'l' => format!("{hour12:2}"),
            'm' => format!("{:02}", self.month),
            'M' => format!("{minute:02}"),
            'n' => "\n".to_owned(),
            'p' => half.to_owned(),
            'P' => half.to_lowercase(),
            'r' => format!("{hour12:02}:{minute:02}:{second:02} {half}"),
            'R' => format!("{hour:02}:{minute:02}"),
            's' => self.seconds.to_string(),
            'S' => format!("{second:02}"),
            't' => "\t".to_owned(),
            'T' | 'X' => self.clock(),
            'u' => ((self.weekday() + 6) % 7 + 1).to_string(),
            'U' => format!("{:02}", (self.day_of_year + 7 - self.weekday()) / 7),
            'V' => format!("{:02}", self.iso_week().1),
            'w' => self.weekday().to_string(),
            'W' => format!("{:02}", (self.day_of_year + 7 - (self.weekday() + 6) % 7) / 7),
            'y' => format!("{:02}", self.year % 100),
            'Y' => self.year.to_string(),
            'z' => "+0000".to_owned(),
            'Z' => "UTC".to_owned(),
            _ => format!("%{letter}"),
        }
    }

    fn hms(&self) -> (u64, u64, u64) {
        (self.seconds / 3600 % 24, self.seconds / 60 % 60, self.seconds % 60)
    }

    fn clock(&self) -> String {
        let (hour, minute, second) = self.hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    fn iso_date(&self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// From Sunday on; the first of January 1970 was a Thursday.
    fn weekday(&self) -> u64 {
        (self.seconds / 86_400 + 4) % 7
    }

    /// The year and week of ISO 8601: a week belongs to the year that its Thursday is in.
    fn iso_week(&self) -> (u64, u64) {
        let from_monday = (self.weekday() + 6) % 7;
        let thursday = (self.seconds / 86_400 + 3 - from_monday) * 86_400;
        let thursday = Time::new(thursday, 0);
        (thursday.year, thursday.day_of_year / 7 + 1)
    }
}

fn name<'a>(names: &[&'a str], index: u64) -> &'a str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

fn days_in(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}
