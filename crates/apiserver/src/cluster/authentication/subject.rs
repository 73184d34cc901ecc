//! Who a certificate names: the common name and the organizations of its subject.
//!
//! Not a parser of certificates: webpki reads those and hands out the subject's DER.
//!
//! **Invariant:** a name that cannot be read is an error, never an empty name.

/// What of a subject matters to Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user, empty if the subject has no common name. Of several the last, as in Go.
    pub common_name: String,
    /// The user's groups, in the order of the subject.
    pub organizations: Vec<String>,
}

/// The subject of a certificate is not DER, or not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subject of the certificate cannot be read")]
pub struct UnreadableSubject;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

impl Subject {
    /// Reads the content of an RDNSequence (RFC 5280, 4.1.2.4), as `webpki::Cert::subject` gives it.
    pub fn read(mut names: &[u8]) -> Result<Self, UnreadableSubject> {
        let mut subject = Self::default();
        while !names.is_empty() {
            let mut relative = value(SET, &mut names)?;
            while !relative.is_empty() {
                let mut attribute = value(SEQUENCE, &mut relative)?;
                let kind = value(OBJECT_ID, &mut attribute)?;
                let (tag, content) = element(&mut attribute)?;
                match kind {
                    COMMON_NAME => subject.common_name = text(tag, content)?,
                    ORGANIZATION => subject.organizations.push(text(tag, content)?),
                    _ => {}
                }
            }
        }
        Ok(subject)
    }
}

/// Takes the next element, which must have `tag`.
fn value<'a>(tag: u8, input: &mut &'a [u8]) -> Result<&'a [u8], UnreadableSubject> {
    match element(input)? {
        (found, content) if found == tag => Ok(content),
        _ => Err(UnreadableSubject),
    }
}

/// Takes the next element: its tag and its content.
fn element<'a>(input: &mut &'a [u8]) -> Result<(u8, &'a [u8]), UnreadableSubject> {
    let (&tag, rest) = input.split_first().ok_or(UnreadableSubject)?;
    let (&first, rest) = rest.split_first().ok_or(UnreadableSubject)?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first().ok_or(UnreadableSubject)?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or(UnreadableSubject)?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return Err(UnreadableSubject),
    };
    let (content, rest) = rest.split_at_checked(length).ok_or(UnreadableSubject)?;
    *input = rest;
    Ok((tag, content))
}

/// Decodes a DirectoryString.
fn text(tag: u8, content: &[u8]) -> Result<String, UnreadableSubject> {
    match tag {
        // UTF8String, NumericString, PrintableString, IA5String.
        0x0c | 0x12 | 0x13 | 0x16 => String::from_utf8(content.to_vec()).map_err(|_| UnreadableSubject),
        // T61String, which in practice is Latin-1.
        0x14 => Ok(content.iter().copied().map(char::from).collect()),
        // BMPString.
        0x1e => {
            let (pairs, []) = content.as_chunks::<2>() else { return Err(UnreadableSubject) };
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16(&units).map_err(|_| UnreadableSubject)
        }
        _ => Err(UnreadableSubject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            short @ 0..=0x7f => out.push(short as u8),
            long => out.extend([0x82, (long >> 8) as u8, long as u8]),
        }
        out.extend(content);
        out
    }

    fn attribute(kind: &[u8], tag: u8, content: &[u8]) -> Vec<u8> {
        tlv(SET, &tlv(SEQUENCE, &[tlv(OBJECT_ID, kind), tlv(tag, content)].concat()))
    }

    #[test]
    fn the_last_common_name_and_all_organizations_are_read() {
        let country = &[0x55, 0x04, 0x06];
        let der = [
            attribute(country, 0x13, b"CH"),
            attribute(ORGANIZATION, 0x13, b"devs"),
            attribute(COMMON_NAME, 0x0c, b"first"),
            attribute(ORGANIZATION, 0x0c, "système".as_bytes()),
            attribute(COMMON_NAME, 0x0c, b"alice"),
        ]
        .concat();
        let subject = Subject::read(&der).expect("readable");
        assert_eq!(subject.common_name, "alice");
        assert_eq!(subject.organizations, ["devs", "système"]);
    }

    #[test]
    fn old_string_types_are_read() {
        let der =
            [attribute(ORGANIZATION, 0x14, b"caf\xe9"), attribute(COMMON_NAME, 0x1e, b"\0a\0b")].concat();
        let subject = Subject::read(&der).expect("readable");
        assert_eq!((subject.common_name.as_str(), subject.organizations[0].as_str()), ("ab", "café"));
    }

    #[test]
    fn long_names_have_long_lengths() {
        let name = "x".repeat(300);
        let der = attribute(COMMON_NAME, 0x0c, name.as_bytes());
        assert_eq!(Subject::read(&der).expect("readable").common_name, name);
    }

    #[test]
    fn an_empty_subject_names_nobody() {
        assert_eq!(Subject::read(&[]), Ok(Subject::default()));
    }

    #[test]
    fn damage_anywhere_is_an_error_and_no_panic() {
        let whole = attribute(COMMON_NAME, 0x0c, b"alice");
        for cut in 1..whole.len() {
            assert_eq!(Subject::read(&whole[..cut]), Err(UnreadableSubject), "cut at {cut}");
        }
        for at in 0..whole.len() {
            for byte in [0x00, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = Subject::read(&damaged);
            }
        }
        let binary = attribute(COMMON_NAME, 0x0c, b"\xff\xfe");
        assert_eq!(Subject::read(&binary), Err(UnreadableSubject));
        assert_eq!(Subject::read(&attribute(COMMON_NAME, 0x1e, b"\0a\0")), Err(UnreadableSubject));
    }
}
