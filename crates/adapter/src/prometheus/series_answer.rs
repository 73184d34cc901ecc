//! Reading an answer of `/api/v1/series` while it arrives.
//!
//! A hundred megabytes of series fold into a few hundred shapes; the text is read piece by piece
//! and label values are never kept.
//!
//! **Invariant:** at most one series, or one other member of the answer, is buffered: [`PIECE`] bytes
//! and a chunk.

use std::borrow::Cow;

use super::json_text::{Reader, Stop};
use super::series_shapes::{ShapeLimits, ShapeTable, TooManyShapes};
use crate::backend::SeriesShape;

/// Largest text of a single series or other member of the answer, in bytes.
const PIECE: usize = 1 << 20;

/// Why an answer cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The text ends early, after this many bytes.
    Truncated(u64),
    /// The text at this byte is not what it has to be.
    Malformed { at: u64, expected: &'static str },
    /// A single series exceeds [`PIECE`].
    HugeSeries,
    /// There are more distinct shapes than allowed: than this number, or a smaller one of a size
    /// that is not allowed together.
    TooManyShapes(usize),
}

/// What the answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SeriesAnswer {
    Listed {
        /// Ordered by the last series of each shape.
        shapes: Vec<SeriesShape>,
        series: u64,
        /// The JSON text of the warnings, shortened; empty when there are none.
        warnings: String,
    },
    /// `status` is `error`.
    Refused { kind: String, message: String },
    /// There is no list: `data` is `null` or missing.
    NoList(&'static str),
}

/// Reads an answer that is fed to it in pieces.
pub(super) struct SeriesReader {
    buffer: Vec<u8>,
    /// The buffer is read again once it has this many bytes, so that rereading stays linear.
    awaited: usize,
    /// Bytes of the answer before `buffer`.
    passed: u64,
    place: Place,
    shapes: ShapeTable,
    data: Data,
    status: String,
    kind: String,
    message: String,
    warnings: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Start,
    Member { first: bool },
    Series { first: bool },
    End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Data {
    Missing,
    Null,
    List,
}

impl SeriesReader {
    pub(super) fn new(limits: ShapeLimits) -> Self {
        Self {
            buffer: Vec::new(),
            awaited: 0,
            passed: 0,
            place: Place::Start,
            shapes: ShapeTable::new(limits),
            data: Data::Missing,
            status: String::new(),
            kind: String::new(),
            message: String::new(),
            warnings: String::new(),
        }
    }

    /// Reads as far as `chunk` allows.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<(), Unreadable> {
        if self.place == Place::End {
            return Ok(());
        }
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() < self.awaited { Ok(()) } else { self.read() }
    }

    /// The answer, when no more text comes.
    pub(super) fn finish(mut self) -> Result<SeriesAnswer, Unreadable> {
        self.read()?;
        if self.place != Place::End {
            return Err(Unreadable::Truncated(self.passed + self.buffer.len() as u64));
        }
        if self.status == "error" {
            return Ok(SeriesAnswer::Refused { kind: self.kind, message: self.message });
        }
        match self.data {
            Data::Missing => Ok(SeriesAnswer::NoList("`data` is missing")),
            Data::Null => Ok(SeriesAnswer::NoList("`data` is null")),
            Data::List => Ok(SeriesAnswer::Listed {
                series: self.shapes.series(),
                shapes: self.shapes.into_shapes(),
                warnings: self.warnings,
            }),
        }
    }

    fn read(&mut self) -> Result<(), Unreadable> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut labels = Vec::new();
        let mut done = 0;
        while self.place != Place::End {
            let mut reader = Reader::new(&buffer, done);
            match self.step(&mut reader, &mut labels) {
                Ok(place) => {
                    self.place = place;
                    done = reader.at();
                }
                Err(Halt::Reading(Stop::More)) => break,
                Err(Halt::Reading(Stop::Bad)) => {
                    let at = self.passed + reader.at() as u64;
                    return Err(Unreadable::Malformed { at, expected: reader.expected() });
                }
                Err(Halt::Shapes(TooManyShapes(limit))) => return Err(Unreadable::TooManyShapes(limit)),
            }
        }
        drop(labels);
        if self.place == Place::End {
            self.passed += buffer.len() as u64;
            return Ok(());
        }
        buffer.drain(..done);
        if buffer.len() > PIECE {
            return Err(Unreadable::HugeSeries);
        }
        self.passed += done as u64;
        self.awaited = buffer.len() * 2;
        self.buffer = buffer;
        Ok(())
    }

    /// Reads one piece whole, or nothing.
    fn step<'a>(&mut self, reader: &mut Reader<'a>, labels: &mut Vec<Cow<'a, str>>) -> Result<Place, Halt> {
        match self.place {
            Place::Start => {
                reader.expect(b'{', "an object")?;
                Ok(Place::Member { first: true })
            }
            Place::Member { first } => {
                if reader.take(b'}')? {
                    return Ok(Place::End);
                }
                if !first {
                    reader.expect(b',', "`,` or `}` after a member of the answer")?;
                }
                self.member(reader)
            }
            Place::Series { first } => {
                if reader.take(b']')? {
                    return Ok(Place::Member { first: false });
                }
                if !first {
                    reader.expect(b',', "`,` or `]` after a series")?;
                }
                labels.clear();
                let name = series(reader, labels)?;
                self.shapes.add(&name, labels).map_err(Halt::Shapes)?;
                Ok(Place::Series { first: false })
            }
            Place::End => Ok(Place::End),
        }
    }

    fn member(&mut self, reader: &mut Reader<'_>) -> Result<Place, Halt> {
        let key = reader.string("a member of the answer")?.text();
        reader.expect(b':', "`:` after a key")?;
        let first = reader.peek()?;
        if key == "data" && first == b'[' {
            reader.expect(b'[', "a list")?;
            self.data = Data::List;
            return Ok(Place::Series { first: true });
        }
        if key == "data" {
            // An error may come with data of any form.
            reader.skip_value()?;
            self.data = if first == b'n' { Data::Null } else { Data::Missing };
            return Ok(Place::Member { first: false });
        }
        let kept = match &*key {
            "status" => &mut self.status,
            "errorType" => &mut self.kind,
            "error" => &mut self.message,
            "warnings" | "infos" => {
                let start = reader.at();
                reader.skip_value()?;
                let text = String::from_utf8_lossy(&reader.bytes()[start..reader.at()]);
                self.warnings.push_str(&super::foreign::shortened(&text));
                return Ok(Place::Member { first: false });
            }
            _ => {
                reader.skip_value()?;
                return Ok(Place::Member { first: false });
            }
        };
        if first == b'n' {
            reader.literal("null")?;
        } else {
            *kept = reader.string("a string")?.text().into_owned();
        }
        Ok(Place::Member { first: false })
    }
}

enum Halt {
    Reading(Stop),
    Shapes(TooManyShapes),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Reading(stop)
    }
}

/// Reads a series: its label names go to `labels`, its metric name is returned.
fn series<'a>(reader: &mut Reader<'a>, labels: &mut Vec<Cow<'a, str>>) -> Result<Cow<'a, str>, Stop> {
    let mut name = Cow::Borrowed("");
    reader.expect(b'{', "a series, which is an object")?;
    if reader.take(b'}')? {
        return Ok(name);
    }
    loop {
        let label = reader.string("a label name")?;
        reader.expect(b':', "`:` after a label name")?;
        if reader.peek()? == b'n' {
            reader.literal("null")?;
            labels.push(label.text());
        } else {
            let value = reader.string("a label value, which is a string")?;
            if label.bytes == b"__name__" {
                name = value.text();
            } else {
                labels.push(label.text());
            }
        }
        if reader.take(b'}')? {
            return Ok(name);
        }
        reader.expect(b',', "`,` or `}` after a label")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ShapeLimits = ShapeLimits { shapes: 1000, bytes: 1 << 20 };

    fn read(text: &str, piece: usize) -> Result<SeriesAnswer, Unreadable> {
        let mut reader = SeriesReader::new(LIMITS);
        for chunk in text.as_bytes().chunks(piece) {
            reader.feed(chunk)?;
        }
        reader.finish()
    }

    fn shapes(text: &str, piece: usize) -> Vec<String> {
        match read(text, piece) {
            Ok(SeriesAnswer::Listed { shapes, .. }) => {
                shapes.iter().map(|shape| format!("{}({})", shape.name, shape.labels.join(","))).collect()
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_shapes_are_the_same_wherever_the_text_is_cut() {
        let text = r#" { "status" : "success", "x":[{"y":1}], "data" : [
            {"__name__":"m","pod":"a\"}","ns":"é"}, {"ns":"x","__name__":"m","pod":"b"},
            {"\u005f_name__":"odd"}, {"__name__":"m\u00e9","a":null}, {} ,{"lone":""}] , "warnings":["w"] } tail"#;
        let expected = ["m(ns,pod)", "(__name__)", "mé(a)", "()", "(lone)"];
        for piece in 1..text.len() {
            assert_eq!(shapes(text, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn shapes_come_in_the_order_of_their_last_series() {
        let text = r#"{"data":[{"__name__":"a"},{"__name__":"b"},{"__name__":"c"},{"__name__":"b"},{"__name__":"a"}]}"#;
        assert_eq!(shapes(text, 7), ["c()", "b()", "a()"]);
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert_eq!(shapes(r#"{"status":"success","data":[]}"#, 100), [""; 0]);
        assert_eq!(shapes(r#"{"status":"weird","data":[]}"#, 100), [""; 0]);
    }

    #[test]
    fn a_missing_list_is_not_an_empty_list() {
        for (text, why) in [
            (r#"{"status":"success","data":null}"#, "`data` is null"),
            (r#"{"status":"success"}"#, "`data` is missing"),
            ("{}", "`data` is missing"),
            (r#"{"status":"success","data":{"a":[]}}"#, "`data` is missing"),
        ] {
            assert_eq!(read(text, 5), Ok(SeriesAnswer::NoList(why)), "{text}");
        }
    }

    #[test]
    fn an_error_is_passed_on_whatever_comes_with_it() {
        for text in [
            r#"{"status":"error","errorType":"bad_data","error":"parse \"x\""}"#,
            r#"{"error":"parse \"x\"","data":"","errorType":"bad_data","status":"error"}"#,
        ] {
            let refused = SeriesAnswer::Refused { kind: "bad_data".into(), message: "parse \"x\"".into() };
            assert_eq!(read(text, 3), Ok(refused), "{text}");
        }
    }

    #[test]
    fn text_that_ends_early_is_truncated_there() {
        let text = r#"{"status":"success","data":[{"__name__":"m","a":"b\\"},{"c":"d"}],"warnings":null}"#;
        for end in 0..text.len() {
            assert_eq!(read(&text[..end], 11), Err(Unreadable::Truncated(end as u64)), "cut at {end}");
        }
    }

    #[test]
    fn other_json_is_malformed_where_it_differs() {
        for (text, place) in [
            ("[]", 0),
            ("<html>", 0),
            (r#"{"data":[1]}"#, 9),
            (r#"{"data":[{"a":1}]}"#, 14),
            (r#"{"data":[{"a":"b"}{}]}"#, 18),
            (r#"{"data":[{"a" "b"}]}"#, 14),
            (r#"{"status":5}"#, 10),
            (r#"{"a":nope}"#, 5),
        ] {
            for piece in [1, 4, 100] {
                match read(text, piece) {
                    Err(Unreadable::Malformed { at, .. }) => assert_eq!(at, place, "{text}"),
                    other => panic!("{text}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_series_without_end_is_refused() {
        let mut reader = SeriesReader::new(LIMITS);
        reader.feed(br#"{"data":[{"a":""#).expect("a beginning");
        let chunk = [b'x'; 4096];
        let refused = (0..PIECE).find_map(|_| reader.feed(&chunk).err());
        assert_eq!(refused, Some(Unreadable::HugeSeries));
    }

    #[test]
    fn shapes_without_end_are_refused() {
        let mut reader = SeriesReader::new(LIMITS);
        reader.feed(br#"{"data":[{}"#).expect("a beginning");
        let mut fed = (0..100_000).map(|id| reader.feed(format!(r#",{{"__name__":"m{id}"}}"#).as_bytes()));
        assert_eq!(fed.find_map(Result::err), Some(Unreadable::TooManyShapes(1000)));
        let mut reader = SeriesReader::new(ShapeLimits { shapes: usize::MAX, bytes: 10_000 });
        reader.feed(br#"{"data":[{}"#).expect("a beginning");
        let mut fed = (0..100_000).map(|id| reader.feed(format!(r#",{{"l{id}":""}}"#).as_bytes()));
        let Some(Unreadable::TooManyShapes(kept)) = fed.find_map(Result::err) else { panic!("a bound") };
        assert!((50..120).contains(&kept), "{kept} shapes of some 130 bytes");
    }

    /// What 300,000 series of 12 labels leave behind: 400 shapes and no label value.
    #[test]
    fn three_hundred_thousand_series_fold_into_their_shapes() {
        let mut reader = SeriesReader::new(ShapeLimits { shapes: 1000, bytes: 64 * 1024 });
        let mut text = String::from(r#"{"status":"success","data":["#);
        let (mut fed, mut peak) = (0, 0);
        for id in 0..300_000u32 {
            if id > 0 {
                text.push(',');
            }
            let metric = id / 750;
            text.push_str(&format!(
                r#"{{"__name__":"application_metric_{metric:03}_total","zone":"zone-{id:06}""#
            ));
            for label in 0..11 {
                text.push_str(&format!(r#","label_{label:02}":"value-{:012}""#, id * 7 + label));
            }
            text.push('}');
            if text.len() > 16 * 1024 {
                fed += text.len();
                reader.feed(text.as_bytes()).expect("series");
                text.clear();
                peak = peak.max(reader.buffer.capacity());
            }
        }
        text.push_str("]}");
        reader.feed(text.as_bytes()).expect("the end");
        assert!(fed > 80_000_000, "{fed} bytes are a realistic list");
        assert!(peak < 64 * 1024, "{peak} bytes buffered");
        let (shapes, bytes) = reader.shapes.size();
        assert_eq!((shapes, reader.shapes.series()), (400, 300_000));
        assert!(bytes < 64 * 1024, "{bytes} bytes kept");
        match reader.finish() {
            Ok(SeriesAnswer::Listed { shapes, series: 300_000, .. }) => assert_eq!(shapes.len(), 400),
            other => panic!("{other:?}"),
        }
    }
}
