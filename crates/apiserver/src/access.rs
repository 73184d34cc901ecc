//! Paths that need no permission, such as the probes.
//!
//! Credentials are still checked: a bad token is refused even here.
//!
//! **Invariant:** a path of an API resource is never among them.

use crate::identity::Attributes;

/// The paths of `--authorization-always-allow-paths`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlwaysAllow {
    exact: Vec<String>,
    prefixes: Vec<String>,
}

/// A path with a `*` that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("only a trailing * is allowed in the path `{0}`")]
pub struct AlwaysAllowError(String);

impl Default for AlwaysAllow {
    /// The probes, without the paths of their single checks.
    fn default() -> Self {
        let exact = ["healthz", "readyz", "livez"].map(str::to_owned).to_vec();
        Self { exact, prefixes: Vec::new() }
    }
}

impl AlwaysAllow {
    /// Paths, each complete or with a trailing `*` (apiserver `authorization/path`).
    pub fn parse<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, AlwaysAllowError> {
        let (mut exact, mut prefixes) = (Vec::new(), Vec::new());
        for path in paths {
            let bare = path.strip_prefix('/').unwrap_or(path);
            match bare.strip_suffix('*') {
                _ if bare.trim_end_matches('*').contains('*') || bare.ends_with("**") => {
                    return Err(AlwaysAllowError(path.to_owned()));
                }
                Some(prefix) => prefixes.push(prefix.to_owned()),
                None => exact.push(bare.to_owned()),
            }
        }
        Ok(Self { exact, prefixes })
    }

    /// Whether the request may go on without being authorised.
    pub fn allows(&self, attributes: &Attributes) -> bool {
        let path = attributes.path.strip_prefix('/').unwrap_or(&attributes.path);
        attributes.resource.is_none()
            && (self.exact.iter().any(|one| one == path)
                || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::request_info::attributes;

    #[test]
    fn the_probes_are_open_and_their_single_checks_are_not() {
        let probes = AlwaysAllow::default();
        assert!(probes.allows(&attributes(&Method::GET, "/readyz", "verbose")));
        assert!(!probes.allows(&attributes(&Method::GET, "/readyz/ping", "")));
        assert!(!probes.allows(&attributes(&Method::GET, "/metrics", "")));
    }

    #[test]
    fn a_trailing_star_opens_a_prefix_but_never_a_resource() {
        let open = AlwaysAllow::parse(["/debug/*", "/apis*"]).unwrap();
        assert!(open.allows(&attributes(&Method::GET, "/debug/x", "")));
        assert!(open.allows(&attributes(&Method::GET, "/apis", "")));
        assert!(!open.allows(&attributes(&Method::GET, "/apis/g/v/pods", "")));
        assert!(AlwaysAllow::parse(["/a*b"]).is_err());
        assert!(AlwaysAllow::parse(["/a**"]).is_err());
    }
}
