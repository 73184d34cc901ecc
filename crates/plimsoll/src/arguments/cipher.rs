//! TLS 1.2 cipher suites by name, for `--tls-cipher-suites`.
//!
//! Known names are those of Go's `crypto/tls`, which is what upstream accepts. rustls has only those with
//! forward secrecy and authenticated encryption.
//!
//! **Invariant:** a name is never dropped silently.

/// Suites that rustls has, by IANA name.
const AVAILABLE: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Older spellings of available suites.
const ALIASES: [(&str, &str); 2] = [
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

/// Suites of TLS 1.3, which cannot be switched off and are accepted for that reason.
const ALWAYS: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Suites that Go has and rustls does not: without forward secrecy, or CBC, RC4, 3DES.
const MISSING: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// The names of a list, sorted by what can be done with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// Available, without duplicates, in the order given.
    pub usable: Vec<&'static str>,
    /// Known but not available.
    pub missing: Vec<&'static str>,
}

/// # Errors
/// The first name that no program knows.
pub(super) fn sort(names: &[String]) -> Result<Sorted, String> {
    let mut sorted = Sorted::default();
    for name in names {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name).map(|(_, suite)| *suite);
        let usable = alias.or_else(|| AVAILABLE.into_iter().find(|suite| suite == name));
        let missing = MISSING.into_iter().find(|suite| suite == name);
        match (usable, missing) {
            (Some(suite), _) if !sorted.usable.contains(&suite) => sorted.usable.push(suite),
            (None, Some(suite)) => sorted.missing.push(suite),
            (None, None) if !ALWAYS.contains(&name.as_str()) => return Err(name.clone()),
            _ => {}
        }
    }
    Ok(sorted)
}

/// The names that have an effect, for messages.
pub(super) fn available() -> String {
    AVAILABLE.join(", ")
}
