//! TLS versions and cipher suites by the names that flags of Kubernetes components use.
//!
//! **Invariant:** a name that a Go component accepts is accepted here; what this TLS library does not have is
//! left out and reported.

use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The lowest TLS version that clients may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

/// A TLS setting that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("`{0}` is not a TLS version: write VersionTLS12 or VersionTLS13")]
    Version(String),
    #[error("`{0}` is not the IANA name of a cipher suite, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    CipherSuite(String),
}

impl MinVersion {
    /// Parses `VersionTLS12` and its like. Older versions than 1.2 are taken as 1.2, the oldest there is here;
    /// empty means the default.
    pub fn parse(name: &str) -> Result<Self, SettingsError> {
        match name {
            "" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12" => Ok(Self::Tls12),
            "VersionTLS13" => Ok(Self::Tls13),
            other => Err(SettingsError::Version(other.to_owned())),
        }
    }

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
    /// Parses IANA names. Those this library does not have are kept aside in [`ignored`](Self::ignored); an
    /// empty list means all suites.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SettingsError> {
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
                return Err(SettingsError::CipherSuite(name.to_owned()));
            }
        }
        Ok(Self { allowed: any.then_some(allowed), ignored })
    }

    /// Names that were given, are known, and are not supported here: worth a warning.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
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
    fn unknown_names_are_refused() {
        assert!(CipherSuites::parse(["TLS_MADE_UP"]).unwrap_err().to_string().contains("`TLS_MADE_UP`"));
        assert!(MinVersion::parse("1.3").unwrap_err().to_string().contains("VersionTLS13"));
        assert_eq!(MinVersion::parse("VersionTLS11"), Ok(MinVersion::Tls12));
    }
}
