//! TLS versions, and cipher suites by the names that flags of Kubernetes components use.
//!
//! **Invariant:** a name that a Go component accepts is accepted here; what this TLS library does not have is
//! left out and reported. A list that leaves nothing over allows nothing of TLS 1.2, never everything.

use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The lowest TLS version that clients may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

/// A name of a cipher suite that no program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no cipher suite `{0}`")]
pub struct UnknownCipherSuite(pub String);

impl MinVersion {
    pub(super) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
        static NEW: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => &NEW,
        }
    }
}

/// The cipher suites that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CipherSuites {
    /// IANA names of TLS 1.2 suites; `None` means all.
    allowed: Option<Vec<String>>,
    ignored: Vec<String>,
}

/// Suites that Go knows and rustls leaves out, because they lack forward secrecy or authenticated encryption.
const KNOWN_ELSEWHERE: [&str; 17] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_FALLBACK_SCSV",
];

impl CipherSuites {
    /// Parses IANA names. Those this library does not have are kept aside in [`ignored`](Self::ignored); a
    /// list without names means all suites.
    ///
    /// # Errors
    /// The first name that neither this library nor Go knows.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownCipherSuite> {
        let mut allowed = Vec::new();
        let mut ignored = Vec::new();
        let mut any = false;
        for name in names.into_iter().map(str::trim).filter(|name| !name.is_empty()) {
            any = true;
            // Go has two suites under an older name as well.
            let full = match name {
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => {
                    format!("{name}_SHA256")
                }
                _ => name.to_owned(),
            };
            if all_suites().iter().any(|suite| iana(suite) == full) {
                allowed.push(full);
            } else if KNOWN_ELSEWHERE.contains(&name) {
                ignored.push(full);
            } else {
                return Err(UnknownCipherSuite(name.to_owned()));
            }
        }
        Ok(Self { allowed: any.then_some(allowed), ignored })
    }

    /// Names that were given, are known, and are not supported here: worth a warning.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether no suite of TLS 1.2 is left, so that only TLS 1.3 is spoken: worth a warning.
    pub fn only_tls13(&self) -> bool {
        self.suites().iter().all(|suite| suite.tls13().is_some())
    }

    /// IANA names of the suites of TLS 1.2 that there are, sorted, for messages.
    pub fn available() -> Vec<String> {
        let mut names: Vec<String> =
            all_suites().iter().filter(|suite| suite.tls13().is_none()).map(iana).collect();
        names.sort();
        names
    }

    /// The suites for rustls. Those of TLS 1.3 are always there, as in Go.
    pub(super) fn suites(&self) -> Vec<SupportedCipherSuite> {
        let mut suites = all_suites();
        if let Some(allowed) = &self.allowed {
            suites.retain(|suite| suite.tls13().is_some() || allowed.contains(&iana(suite)));
        }
        suites
    }
}

fn all_suites() -> Vec<SupportedCipherSuite> {
    rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES.to_vec()
}

fn iana(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    // rustls spells TLS13_AES_128_GCM_SHA256 what IANA spells TLS_AES_128_GCM_SHA256.
    name.replacen("TLS13_", "TLS_", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kube_prometheus_is_accepted_and_its_old_suites_are_reported() {
        let parsed = CipherSuites::parse([
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_AES_128_GCM_SHA256",
        ])
        .unwrap();
        assert_eq!(parsed.ignored(), ["TLS_RSA_WITH_AES_128_CBC_SHA"]);
        let names: Vec<String> = parsed.suites().iter().map(iana).collect();
        assert!(names.contains(&"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".to_owned()));
        assert!(names.contains(&"TLS_AES_256_GCM_SHA384".to_owned()));
        assert!(!names.contains(&"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned()));
    }

    #[test]
    fn a_list_that_leaves_no_suite_of_tls_1_2_allows_none_rather_than_all() {
        for list in [&["TLS_RSA_WITH_AES_128_CBC_SHA"], &["TLS_AES_128_GCM_SHA256"]] {
            let parsed = CipherSuites::parse(list.iter().copied()).unwrap();
            assert!(parsed.only_tls13(), "{list:?}");
            assert!(parsed.suites().iter().all(|suite| suite.tls13().is_some()), "{list:?}");
        }
        assert!(!CipherSuites::parse([]).unwrap().only_tls13(), "no list is no restriction");
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(CipherSuites::parse(["TLS_MADE_UP"]), Err(UnknownCipherSuite("TLS_MADE_UP".to_owned())));
    }
}
